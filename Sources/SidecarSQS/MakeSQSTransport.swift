import AWS
package import Sidecar
import Support

/// Puts the SQS transport together from the sidecar's configuration.
///
/// - Throws: `CredentialError` when a variable of AWS is wrong, naming it; `LoopError`.
package func makeSQSTransport(_ context: TransportContext) throws -> any Transport {
    let configured = context.configuration.sqsSettings
    let environment = context.configuration.environment
    let (endpoint, isConfigured) = try AWSSettings.sqsEndpoint(environment, region: configured.region)
    let source = try CredentialChain(
        environment: environment,
        files: LocalFile.sharedConfiguration { environment.text($0) },
        region: configured.region
    ).source()
    let settings = SQSSettings(
        queueName: context.configuration.queueName,
        endpoint: endpoint,
        movesQueueURLs: isConfigured,
        region: configured.region,
        visibilitySeconds: configured.visibilityTimeoutSeconds,
        waitSeconds: configured.waitTimeSeconds,
        limits: SQSLimits(messageByteLimit: configured.maxMessageByteCount),
        queueAttempts: context.configuration.queueRetryMaxAttempts,
        queueBackoff: context.configuration.queueRetryBackoff
    )
    let http = try CurlClient(
        loop: context.loop,
        caFile: configured.caFile,
        userAgent: "asya-sidecar/\(BuildVersion.current)"
    )
    let caller = ServiceCaller(
        loop: context.loop,
        http: http,
        credentials: try FreshCredentials(
            loop: context.loop,
            http: http,
            source: source,
            logger: context.logger
        ),
        endpoint: settings.endpoint,
        region: settings.region
    )
    return try SQSTransport(
        loop: context.loop,
        pool: context.pool,
        settings: settings,
        caller: caller,
        logger: context.logger,
        connectionChanged: context.connectionChanged
    )
}
