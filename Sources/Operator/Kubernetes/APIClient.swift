import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Support

/// Talks to one API server: requests with a bounded answer, and watches. Keeps no state but connections; retries
/// nothing, because every caller has a better idea of what to do after a failure.
final class APIClient: Sendable {
    /// The field manager of everything that is applied (operator.md OB5).
    static let fieldManager = "asya-operator"
    /// One page of 100 objects of at most 1.5 MiB would be more, but such objects do not exist.
    static let answerByteLimit = 32 << 20
    static let requestTimeLimit = TimeAmount.seconds(30)
    /// Bookmarks come about once a minute; a watch that says nothing for this long has lost its server.
    static let watchSilenceLimit = TimeAmount.seconds(180)
    static let connectTimeLimit = TimeAmount.seconds(10)
    /// Ten reconciles, the watches and some reserve; more requests wait for a connection.
    static let connectionLimit = 48

    let connection: ClusterConnection
    private let requests: HTTPClient
    private let watches: HTTPClient
    private let tls: TLSConfiguration
    private let credentials: CredentialSource
    private let metrics: OperatorMetrics

    init(
        connection: ClusterConnection,
        group: any EventLoopGroup,
        metrics: OperatorMetrics
    ) throws(ClusterConfigurationError) {
        self.connection = connection
        self.metrics = metrics
        self.credentials = CredentialSource(connection.credential)
        self.tls = try Self.tlsConfiguration(connection)
        self.requests = HTTPClient(
            eventLoopGroupProvider: .shared(group),
            configuration: Self.configuration(self.tls, readTimeLimit: Self.requestTimeLimit)
        )
        self.watches = HTTPClient(
            eventLoopGroupProvider: .shared(group),
            configuration: Self.configuration(self.tls, readTimeLimit: Self.watchSilenceLimit)
        )
    }

    /// Closes all connections; running requests fail.
    func shutdown() async {
        // Nothing is left to do about a failure to close.
        try? await self.watches.shutdown()
        try? await self.requests.shutdown()
    }

    /// Sends a request and reads the whole answer.
    @discardableResult
    func send(_ request: APIRequest) async throws -> JSONValue {
        let body = try await self.sendForBytes(request)
        guard !body.isEmpty else { return .null }
        do {
            let text = String(decoding: body, as: UTF8.self)
            return try JSONValue(parsing: text, byteLimit: Self.answerByteLimit, tooDeep: .empty)
        } catch {
            throw APIError.invalidResponse("\(request.method.rawValue) \(request.path): \(error)")
        }
    }

    /// Sends a request; the answer stays unparsed.
    func sendForBytes(_ request: APIRequest) async throws -> [UInt8] {
        let (response, status) = try await self.execute(request, with: self.requests, timeLimit: Self.requestTimeLimit)
        let body: ByteBuffer
        do {
            body = try await response.body.collect(upTo: Self.answerByteLimit)
        } catch is NIOTooManyBytesError {
            throw APIError.tooLarge(limit: Self.answerByteLimit)
        } catch {
            throw Self.transportError(error)
        }
        let bytes = [UInt8](body.readableBytesView)
        guard (200..<300).contains(status) else {
            if status == 401 { self.credentials.forget() }
            let retryAfter = response.headers.first(name: "Retry-After")
            throw APIError.status(APIStatus(code: status, body: bytes, retryAfter: retryAfter))
        }
        return bytes
    }

    /// Follows a collection until the server ends the watch; calls `receive` for every event in order, one line of JSON
    /// each.
    func watch(
        _ type: ResourceType,
        _ selector: ObjectSelector,
        from resourceVersion: String,
        seconds: Int,
        receive: (_ line: [UInt8]) throws -> Void
    ) async throws {
        let query = [
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", resourceVersion),
            ("timeoutSeconds", String(seconds)),
        ]
        let request = APIRequest(method: .get, path: type.collectionPath(), query: selector.query + query)
        let timeLimit = TimeAmount.seconds(Int64(seconds)) + Self.requestTimeLimit
        let (response, status) = try await self.execute(request, with: self.watches, timeLimit: timeLimit)
        guard status == 200 else {
            if status == 401 { self.credentials.forget() }
            let body = try? await response.body.collect(upTo: 64 * 1024)  // Without a body the code has to do.
            throw APIError.status(APIStatus(code: status, body: body.map { [UInt8]($0.readableBytesView) } ?? []))
        }
        var decoder = WatchFrameDecoder()
        do {
            for try await piece in response.body {
                for line in try decoder.append(piece.readableBytesView) { try receive(line) }
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw Self.transportError(error)
        }
    }

    private func execute(
        _ request: APIRequest,
        with client: HTTPClient,
        timeLimit: TimeAmount
    ) async throws -> (response: HTTPClientResponse, status: Int) {
        var message = HTTPClientRequest(url: self.connection.server + request.target)
        message.method = HTTPMethod(rawValue: request.method.rawValue)
        message.headers.add(name: "Accept", value: "application/json")
        message.headers.add(name: "User-Agent", value: "asya-operator/\(BuildVersion.current)")
        let proof = try await self.credentials.proof()
        if let header = proof.header { message.headers.add(name: "Authorization", value: header) }
        if let certificate = proof.certificate {
            var tls = self.tls
            certificate.use(in: &tls)
            message.tlsConfiguration = tls
        }
        if let body = request.body {
            message.headers.add(name: "Content-Type", value: (request.contentType ?? .json).rawValue)
            message.body = .bytes(ByteBuffer(bytes: body.canonicalBytes))
        }
        do {
            let response = try await client.execute(message, timeout: timeLimit)
            let status = Int(response.status.code)
            self.metrics.requestAnswered(method: request.method.rawValue, code: String(status))
            return (response, status)
        } catch {
            self.metrics.requestAnswered(method: request.method.rawValue, code: "<error>")
            throw Self.transportError(error)
        }
    }

    private static func transportError(_ error: any Error) -> any Error {
        error is CancellationError ? error : APIError.transport("\(error)")
    }

    private static func configuration(_ tls: TLSConfiguration, readTimeLimit: TimeAmount) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls,
            redirectConfiguration: .disallow,
            timeout: .init(connect: self.connectTimeLimit, read: readTimeLimit)
        )
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = self.connectionLimit
        configuration.connectionPool.idleTimeout = .seconds(30)
        // Watches last for minutes and would share one connection's fate; a failed connection is an answer for the
        // caller, who backs off.
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    private static func tlsConfiguration(
        _ connection: ClusterConnection
    ) throws(ClusterConfigurationError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let pem = connection.authorityPEM {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(pem))
            }
            if let certificate = connection.clientCertificatePEM, let key = connection.clientKeyPEM {
                try ClientCertificate(certificatePEM: certificate, keyPEM: key).use(in: &tls)
            }
        } catch {
            throw ClusterConfigurationError("certificates for the API server: \(error)")
        }
        if connection.skipsVerification { tls.certificateVerification = .none }
        return tls
    }
}
