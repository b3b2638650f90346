public import AWS
public import Support

/// Where SQS is, with which credentials, and how long the control plane waits for it.
public struct SQSClientConfiguration: Sendable {
    /// Region that requests are signed for.
    public var region: String
    /// Where requests go.
    public var endpoint: ServiceEndpoint
    /// Whether the endpoint was configured, so that URLs of queues are moved to it (`sidecar.md` 7.2).
    public var isEndpointConfigured: Bool
    /// Where credentials come from.
    public var credentials: CredentialSource
    /// One operation with all its attempts.
    public var operationTimeout: Duration = .seconds(30)
    /// One attempt.
    public var requestTimeout: Duration = .seconds(10)
    /// Proxy for everything but the metadata endpoints.
    public var proxy: HTTPProxy?
    /// Certificates to trust instead of the system's, a PEM file.
    public var certificateFile: String?

    /// A configuration of parts.
    public init(
        region: String,
        endpoint: ServiceEndpoint,
        isEndpointConfigured: Bool,
        credentials: CredentialSource
    ) {
        self.region = region
        self.endpoint = endpoint
        self.isEndpointConfigured = isEndpointConfigured
        self.credentials = credentials
    }

    /// What the environment and the shared files say.
    ///
    /// - Parameters:
    ///   - region: wins over `AWS_REGION`, `AWS_DEFAULT_REGION` and the profile.
    ///   - endpoint: wins over `ASYA_SQS_ENDPOINT`, `AWS_ENDPOINT_URL_SQS` and `AWS_ENDPOINT_URL`.
    ///   - keys: win over the chain of sources; the operator's come from a Secret.
    public static func resolved(
        environment: EnvironmentReader,
        region: String? = nil,
        endpoint: String? = nil,
        keys: AWS.Credentials? = nil
    ) throws(QueueClientError) -> SQSClientConfiguration {
        do {
            let files = try LocalFile.sharedConfiguration { environment.text($0) }
            let region = region ?? AWSSettings.region(environment, files: files)
            var (address, isConfigured) = try AWSSettings.sqsEndpoint(environment, region: region)
            if let endpoint {
                guard let parsed = ServiceEndpoint(parsing: endpoint) else {
                    throw CredentialError.invalidVariable(name: "the SQS endpoint", reason: "is no http or https URL")
                }
                (address, isConfigured) = (parsed, true)
            }
            let source: CredentialSource
            if let keys {
                source = .keys(keys, origin: "configured keys")
            } else {
                source = try CredentialChain(environment: environment, files: files, region: region).source()
            }
            var configuration = SQSClientConfiguration(
                region: region,
                endpoint: address,
                isEndpointConfigured: isConfigured,
                credentials: source
            )
            configuration.certificateFile = environment.text("AWS_CA_BUNDLE")
            configuration.proxy = try HTTPProxy.from(environment, for: address)
            return configuration
        } catch {
            throw .misconfigured("\(error)")
        }
    }
}
