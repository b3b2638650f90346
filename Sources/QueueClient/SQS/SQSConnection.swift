internal import AWS
internal import Logging
internal import Support

/// Sends the control plane's requests to one SQS endpoint: signs, retries, corrects the clock, knows the URLs of queues.
///
/// `RequestRetry`, `ClockSkew` and `CredentialRefresh` decide; here is only what they cannot do themselves.
actor SQSConnection {
    /// Names whose URLs are kept; a gateway sends to as many queues as there are actors.
    static let addressLimit = 4096

    private let configuration: SQSClientConfiguration
    private let http: SQSHTTP
    private let credentials: CredentialProvider
    private var skew = ClockSkew()
    private var signer: (accessKeyID: String, sessionToken: String?, value: SQSRequestSigner)?
    private var signedHeaders = SignedHeaders()
    private var addresses: [String: QueueAddress] = [:]
    private var generator = SystemRandomNumberGenerator()
    private var isClosed = false

    init(configuration: SQSClientConfiguration, logger: Logger) {
        self.configuration = configuration
        self.http = SQSHTTP(proxy: configuration.proxy, certificateFile: configuration.certificateFile)
        self.credentials = CredentialProvider(
            source: configuration.credentials,
            transport: self.http,
            logger: logger
        )
    }

    // MARK: Queues

    /// The URL of a queue, from memory or from the service.
    func address(of name: String, deadline: ContinuousClock.Instant) async throws -> QueueAddress {
        if let address = self.addresses[name] { return address }
        let reply = try await self.perform(.queueURL(name: name), deadline: deadline)
        let address = self.address(url: try QueueReply.queueURL(reply))
        self.remember(address, name: name)
        return address
    }

    /// A queue at a URL that the service gave.
    func address(url: String) -> QueueAddress {
        let isMoved = self.configuration.isEndpointConfigured
        return QueueAddress(url: isMoved ? self.configuration.endpoint.moved(queueURL: url) : url)
    }

    /// Does something with a queue whose URL may be out of date: when the service says that it does not exist, the
    /// URL is looked up once more, because a deleted queue may have been made again.
    func withQueue(
        _ name: String,
        deadline: ContinuousClock.Instant,
        _ request: (QueueAddress) throws -> QueueRequest
    ) async throws -> [UInt8] {
        let wasCached = self.addresses[name] != nil
        let address = try await self.address(of: name, deadline: deadline)
        do {
            return try await self.perform(try request(address), deadline: deadline)
        } catch RequestFailure.service(let error) where error.kind == .queueDoesNotExist {
            self.addresses[name] = nil
            guard wasCached else { throw RequestFailure.service(error) }
        }
        let fresh = try await self.address(of: name, deadline: deadline)
        return try await self.perform(try request(fresh), deadline: deadline)
    }

    /// Forgets the URL of a queue that was deleted.
    func forget(_ name: String) { self.addresses[name] = nil }

    private func remember(_ address: QueueAddress, name: String) {
        if self.addresses.count >= Self.addressLimit { self.addresses.removeAll() }
        self.addresses[name] = address
    }

    // MARK: Requests

    /// Sends one request until it succeeds, is refused for good, or the time is up.
    func perform(_ request: QueueRequest, deadline: ContinuousClock.Instant) async throws -> [UInt8] {
        var retry = RequestRetry()
        while true {
            guard !self.isClosed else { throw QueueClientError.closed }
            let credentials = try await self.credentials.credentials()
            let remaining = deadline - .now
            guard remaining > .zero else { throw RequestFailure.timeout }
            let now = Timestamp.currentMilliseconds() / 1000
            let failure: RequestFailure
            var date: String?
            do throws(RequestFailure) {
                let reply = try await self.http.exchange(
                    method: "POST",
                    url: self.configuration.endpoint.url,
                    headers: self.headers(for: request, credentials: credentials, now: now),
                    body: request.body,
                    mayUseProxy: true,
                    timeout: min(remaining, self.configuration.requestTimeout)
                )
                if (200..<300).contains(reply.status) { return reply.body }
                date = reply.date
                failure = .service(
                    ErrorClassification.classify(
                        status: reply.status,
                        queryError: reply.queryError,
                        body: reply.body
                    )
                )
            } catch {
                failure = error
            }
            try await self.prepareRetry(
                after: failure,
                date: date,
                accessKeyID: credentials.accessKeyID,
                retry: &retry,
                deadline: deadline
            )
        }
    }

    func close() async {
        self.isClosed = true
        await self.credentials.close()
        await self.http.shutdown()
    }

    /// Returns when the request may be sent again; throws the failure when it may not.
    private func prepareRetry(
        after failure: RequestFailure,
        date: String?,
        accessKeyID: String,
        retry: inout RequestRetry,
        deadline: ContinuousClock.Instant
    ) async throws {
        var isCorrected = false
        if case .service(let error) = failure {
            let now = Timestamp.currentMilliseconds() / 1000
            isCorrected = self.skew.learn(from: error.kind, date: date, nowEpochSeconds: now)
        }
        switch retry.failed(failure, clockWasCorrected: isCorrected, using: &self.generator) {
        case .retry(let delay):
            guard .now + delay < deadline else { throw failure }
            try await Task.sleep(for: delay)
        case .refreshCredentialsAndRetry:
            guard await self.credentials.rejected(accessKeyID: accessKeyID) else { throw failure }
        case .resignAndRetry: break
        case .forgetQueueURLAndFail, .fail: throw failure
        }
    }

    private func headers(
        for request: QueueRequest,
        credentials: AWS.Credentials,
        now: Int64
    ) -> [(name: String, value: String)] {
        let host = self.configuration.endpoint.authority
        var signer: SQSRequestSigner
        if let kept = self.signer, kept.accessKeyID == credentials.accessKeyID,
            kept.sessionToken == credentials.sessionToken
        {
            signer = kept.value
        } else {
            signer = SQSRequestSigner(
                credentials: credentials,
                region: self.configuration.region,
                host: host,
                path: self.configuration.endpoint.path
            )
        }
        request.body.withUnsafeBytes {
            signer.sign(
                request.action,
                body: $0,
                atEpochSeconds: self.skew.corrected(epochSeconds: now),
                into: &self.signedHeaders
            )
        }
        self.signer = (credentials.accessKeyID, credentials.sessionToken, signer)
        return [("Host", host)] + self.signedHeaders.fields
    }
}
