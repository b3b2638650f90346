public import AWS
internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// The HTTP connections of one SQS client: those that may go through a proxy, and those to endpoints of the machine,
/// which may not.
final class SQSHTTP: Sendable {
    /// A reply that was read whole.
    struct Reply: Sendable {
        var status: Int
        var date: String?
        var queryError: String?
        var body: [UInt8]
    }

    /// Largest reply: a page of a thousand queue URLs is far below.
    static let replyByteLimit = 2 * 1024 * 1024

    private let outside: HTTPClient
    private let machine: HTTPClient

    init(proxy: HTTPProxy?, certificateFile: String?) {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.httpVersion = .http1Only
        self.machine = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        if let proxy { configuration.proxy = .server(host: proxy.host, port: proxy.port) }
        if let certificateFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(certificateFile)
            configuration.tlsConfiguration = tls
        }
        self.outside = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Sends a request and reads its reply; whatever goes wrong on the way is a `RequestFailure`.
    func exchange(
        method: String,
        url: String,
        headers: [(name: String, value: String)],
        body: [UInt8],
        mayUseProxy: Bool,
        timeout: Duration
    ) async throws(RequestFailure) -> Reply {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        request.headers = HTTPHeaders(headers.map { ($0.name, $0.value) })
        if !body.isEmpty || method != "GET" { request.body = .bytes(ByteBuffer(bytes: body)) }
        let client = mayUseProxy ? self.outside : self.machine
        do {
            let deadline = NIODeadline.now() + TimeAmount(timeout)
            let response = try await client.execute(request, deadline: deadline)
            let content = try await response.body.collect(upTo: Self.replyByteLimit)
            return Reply(
                status: Int(response.status.code),
                date: response.headers.first(name: "Date"),
                queryError: response.headers.first(name: "x-amzn-query-error"),
                body: Array(content.readableBytesView)
            )
        } catch {
            throw Self.failure(error)
        }
    }

    func shutdown() async {
        // Nothing can be done about connections that do not close; the process does not wait for them.
        for client in [self.outside, self.machine] { _ = try? await client.shutdown() }
    }

    private static func failure(_ error: any Error) -> RequestFailure {
        switch error as? HTTPClientError {
        case .deadlineExceeded?, .connectTimeout?, .readTimeout?: .timeout
        case let known?: .connection("\(known)")
        case nil where error is NIOTooManyBytesError: .malformedReply("it is larger than \(self.replyByteLimit) bytes")
        case nil: .connection("\(error)")
        }
    }
}

/// Sends the requests of a credential fetch. Tests put their own in its place.
public protocol CredentialTransport: Sendable {
    /// Sends a request once and reads its reply, within the request's own timeout.
    func send(_ request: CredentialRequest) async throws(RequestFailure) -> CredentialReply
}

extension SQSHTTP: CredentialTransport {
    func send(_ request: CredentialRequest) async throws(RequestFailure) -> CredentialReply {
        let reply = try await self.exchange(
            method: request.method,
            url: request.url,
            headers: request.headers.map { ($0.name, $0.value) },
            body: request.body,
            mayUseProxy: request.mayUseProxy,
            timeout: request.timeout
        )
        guard reply.body.count <= CredentialRequest.replyByteLimit else {
            throw .malformedReply("it is larger than \(CredentialRequest.replyByteLimit) bytes")
        }
        return CredentialReply(status: reply.status, body: reply.body)
    }
}
