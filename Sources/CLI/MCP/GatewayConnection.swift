internal import AsyncHTTPClient
internal import MCP
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Support

/// HTTP to one gateway: its address, its token, its certificates. Errors are told as cli.md 1 words them.
struct GatewayConnection: Sendable {
    struct Reply: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        var text: String { String(decoding: self.body, as: UTF8.self) }
    }

    /// A request that failed; `lines` say what cli.md prescribes.
    struct Failure: Error, Equatable {
        var status: Int?
        var lines: [String]
    }

    private static let requestTimeout = TimeAmount.seconds(10)
    private static let streamTimeout = TimeAmount.seconds(300)
    private static let repetitionPauses = Backoff(base: .milliseconds(50), cap: .seconds(1))
    /// Answers may carry results of any size that a person would look at.
    private static let bodyByteLimit = 256 << 20

    let url: String
    private let client: HTTPClient
    private let token: String?

    init(_ invocation: MCPInvocation, token: String?, environment: EnvironmentReader) throws {
        self.url = invocation.url
        self.token = token
        var tls = TLSConfiguration.makeClientConfiguration()
        if invocation.isInsecure { tls.certificateVerification = .none }
        if let file = invocation.certificateFile {
            guard let certificates = try? NIOSSLCertificate.fromPEMFile(file), !certificates.isEmpty else {
                throw CommandFailure("cannot read certificates from \(file)")
            }
            tls.trustRoots = .certificates(certificates)
        }
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.timeout.connect = Self.requestTimeout
        configuration.timeout.read = Self.streamTimeout
        // Nobody there is an answer, at once; whoever follows an envelope tries again by a rule of its own.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.proxy = Self.proxy(for: invocation.url, environment)
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async {
        // Nothing is in flight any more; an error here has nobody to tell.
        try? await self.client.shutdown()
    }

    /// `HTTP_PROXY` and `HTTPS_PROXY`, unless `NO_PROXY` names the host. Never for this machine, which a proxy does not
    /// reach.
    private static func proxy(for url: String, _ environment: EnvironmentReader) -> HTTPClient.Configuration.Proxy? {
        let scheme = url.hasPrefix("https:") ? "https" : "http"
        func text(_ name: String) -> String? { environment.text(name) ?? environment.text(name.uppercased()) }
        guard let proxy = text("\(scheme)_proxy") else { return nil }
        let host = Self.authority(of: url).host
        guard host != "localhost", host != "[::1]", !host.hasPrefix("127.") else { return nil }
        let exempt = (text("no_proxy") ?? "").split(separator: ",").map { $0.trimming(while: { $0 == " " }) }
        guard !exempt.contains(where: { $0 == "*" || host == $0 || host.hasSuffix(".\($0)") }) else { return nil }
        let (proxyHost, port) = Self.authority(of: proxy)
        return .server(host: proxyHost, port: port ?? 8080)
    }

    private static func authority(of url: String) -> (host: String, port: Int?) {
        let rest = url.split(separator: "/", omittingEmptySubsequences: true).dropFirst(url.contains("//") ? 1 : 0)
        let authority = rest.first.map(String.init) ?? ""
        guard let colon = authority.lastIndex(of: ":"), let port = Int(authority[authority.index(after: colon)...])
        else { return (authority, nil) }
        return (String(authority[..<colon]), port)
    }

    // MARK: Requests

    /// Sends a request; any status is an answer.
    ///
    /// - Parameter isRepeatable: whether the gateway may see the request twice. It is then sent again, within the time
    ///   limit of one request, when its connection ends before the answer (RFC 9110 9.2.2).
    func send(
        _ method: HTTPMethod,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        prefix: String = "Request failed",
        isRepeatable: Bool? = nil
    ) async throws -> Reply {
        let deadline = NIODeadline.now() + Self.requestTimeout
        let mayRepeat = isRepeatable ?? (method == .GET)
        var pauses = Self.repetitionPauses
        while true {
            do {
                return try await self.sendOnce(self.request(method, path, headers, body), deadline: deadline)
            } catch {
                try Task.checkCancellation()
                let pause = pauses.nextWithoutJitter()
                guard mayRepeat, ConnectionLoss.isReason(error), .now() + TimeAmount(pause) < deadline else {
                    let text = ConnectionProblem.text(error, url: self.url)
                    throw Failure(status: nil, lines: Self.lines(prefix, text, method, body, response: nil))
                }
                try await Task.sleep(for: pause)
            }
        }
    }

    private func sendOnce(_ request: HTTPClientRequest, deadline: NIODeadline) async throws -> Reply {
        let response = try await self.client.execute(request, deadline: deadline)
        let body = try await response.body.collect(upTo: Self.bodyByteLimit)
        return Reply(
            status: Int(response.status.code),
            headers: response.headers,
            body: Array(body.readableBytesView)
        )
    }

    /// The answer of a request that must succeed.
    func require(
        _ method: HTTPMethod,
        _ path: String,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        prefix: String = "Request failed",
        isRepeatable: Bool? = nil
    ) async throws -> Reply {
        let reply = try await self.send(
            method,
            path,
            headers: headers,
            body: body,
            prefix: prefix,
            isRepeatable: isRepeatable
        )
        guard (200..<300).contains(reply.status) else {
            let reason = HTTPResponseStatus(statusCode: reply.status).reasonPhrase
            let text = "\(reply.status) \(reason) for url: \(self.url)\(path)"
            throw Failure(status: reply.status, lines: Self.lines(prefix, text, method, body, response: reply.text))
        }
        return reply
    }

    private static func lines(
        _ prefix: String,
        _ error: String,
        _ method: HTTPMethod,
        _ body: [UInt8]?,
        response: String?
    ) -> [String] {
        var lines = ["\(prefix): \(error)"]
        if method == .POST, let body { lines.append("Request payload: \(String(decoding: body, as: UTF8.self))") }
        if let response {
            lines.append("Server response: \(response.trimming(while: \.isNewline))")
        }
        return lines
    }

    /// Opens a stream of events.
    func openStream(_ path: String, lastEventID: String?) async throws -> HTTPClientResponse {
        var headers = [("Accept", "text/event-stream")]
        if let lastEventID { headers.append(("Last-Event-ID", lastEventID)) }
        return try await self.client.execute(self.request(.GET, path, headers, nil), deadline: .distantFuture)
    }

    private func request(
        _ method: HTTPMethod,
        _ path: String,
        _ headers: [(String, String)],
        _ body: [UInt8]?
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: self.url + path)
        request.method = method
        // A connection is never used twice: the gateway closes that of a stream when the stream is over, and a request
        // that is on its way there at this moment would be lost.
        request.headers.add(name: "Connection", value: "close")
        if let token = self.token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            if !request.headers.contains(name: "Content-Type") {
                request.headers.add(name: "Content-Type", value: "application/json")
            }
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        return request
    }
}

extension StringProtocol {
    /// Without leading and trailing characters of a kind.
    func trimming(while isUnwanted: (Character) -> Bool) -> String {
        let start = self.drop(while: isUnwanted)
        guard let last = start.lastIndex(where: { !isUnwanted($0) }) else { return "" }
        return String(start[...last])
    }
}
