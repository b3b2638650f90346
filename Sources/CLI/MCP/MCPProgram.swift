internal import Glibc
internal import MCP
internal import NIOHTTP1
internal import Support

/// Runs one invocation against a gateway. Machine-readable output on standard output, everything else on standard
/// error.
struct MCPProgram {
    let invocation: MCPInvocation
    private let environment: EnvironmentReader

    init(_ invocation: MCPInvocation, environment: EnvironmentReader) {
        self.invocation = invocation
        self.environment = environment
    }

    func run() async throws -> ExitStatus {
        let connection = try GatewayConnection(
            self.invocation,
            token: try self.token(),
            environment: self.environment
        )
        let status: ExitStatus
        do {
            status = try await self.perform(connection)
        } catch let failure as GatewayConnection.Failure {
            for line in failure.lines { Console.error(TerminalText.safe(line)) }
            status = .failure
        } catch let failure as ToolDirectory.RPCFailure {
            Console.error("MCP error: \(TerminalText.safe(failure.message))")
            status = .failure
        } catch let failure as EnvelopeFollower.StreamFailure {
            Console.error("Stream failed: \(TerminalText.safe(failure.reason))")
            status = .failure
        } catch let fault as ToolArguments.Fault {
            for line in fault.lines { Console.error(TerminalText.safe(line)) }
            status = .failure
        }
        await connection.close()
        return status
    }

    /// From the command line, a file or the environment; never shown.
    func token() throws -> String? {
        guard let file = self.invocation.tokenFile else { return self.invocation.token }
        return try TextFile.read(file).trimming(while: \.isWhitespace)
    }

    private func perform(_ connection: GatewayConnection) async throws -> ExitStatus {
        switch self.invocation.action {
        case .help: return .done
        case .list: return try await self.list(connection)
        case .show(let tool): return try await self.show(tool, connection)
        case .call(let tool, let words):
            return try await ToolCaller(invocation: self.invocation, connection: connection).call(tool, words)
        case .status(let id): return try await self.printDocument(.GET, "/envelopes/\(URLText.escaped(id))", connection)
        case .stream(let id): return try await self.stream(id, connection)
        case .wait(let id, let timeout): return try await self.wait(id, timeout, connection)
        case .cancel(let id):
            return try await self.printNew(.POST, "/envelopes/\(URLText.escaped(id))/cancel", connection)
        case .children(let id):
            return try await self.printNew(.GET, "/api/v1/envelopes/\(URLText.escaped(id))/children", connection)
        case .listEnvelopes(let filter): return try await self.printNew(.GET, Self.path(filter), connection)
        }
    }

    // MARK: Tools

    private func list(_ connection: GatewayConnection) async throws -> ExitStatus {
        let tools = try await ToolDirectory(connection: connection, version: self.invocation.version).tools()
        if self.invocation.printsJSON {
            Console.output(JSONTree.array(tools.map(ToolText.summary)).indentedText + "\n")
        } else if tools.isEmpty {
            Console.warning("No tools available")
        } else {
            Console.output(try ToolText.list(tools) + "\n")
        }
        return .done
    }

    private func show(_ name: String, _ connection: GatewayConnection) async throws -> ExitStatus {
        let tools = try await ToolDirectory(connection: connection, version: self.invocation.version).tools()
        guard let tool = tools.first(where: { $0.name == name }) else {
            Console.error("Tool '\(TerminalText.safe(name))' not found")
            return .failure
        }
        let isJSON = self.invocation.printsJSON
        Console.output(isJSON ? ToolText.details(tool).indentedText + "\n" : try ToolText.show(tool) + "\n")
        return .done
    }

    // MARK: Envelopes

    private func printDocument(
        _ method: HTTPMethod,
        _ path: String,
        _ connection: GatewayConnection
    ) async throws -> ExitStatus {
        Console.output(Self.indented(try await connection.require(method, path).body))
        return .done
    }

    /// Functions that gateways of the original do not have.
    private func printNew(
        _ method: HTTPMethod,
        _ path: String,
        _ connection: GatewayConnection
    ) async throws -> ExitStatus {
        let reply = try await connection.send(method, path, body: method == .POST ? [] : nil)
        // A missing route and a missing envelope are both 404; only the text tells them apart.
        if reply.status == 405 || reply.status == 400 && reply.text.contains("Invalid envelope")
            || reply.status == 404 && reply.text.contains("page not found")
        {
            Console.error("This gateway does not have this function: it is too old")
            return .unsupported
        }
        guard (200..<300).contains(reply.status) else {
            Console.error("Request failed: \(reply.status) for url: \(connection.url)\(path)")
            Console.error("Server response: \(TerminalText.safe(reply.text.trimming(while: \.isNewline)))")
            return .failure
        }
        Console.output(Self.indented(reply.body))
        return .done
    }

    private static func path(_ filter: MCPInvocation.EnvelopeFilter) -> String {
        var parameters: [String] = []
        if let status = filter.status { parameters.append("status=\(URLText.escaped(status))") }
        if let tool = filter.tool { parameters.append("tool=\(URLText.escaped(tool))") }
        if let limit = filter.limit { parameters.append("limit=\(limit)") }
        return "/api/v1/envelopes" + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
    }

    private func stream(_ id: String, _ connection: GatewayConnection) async throws -> ExitStatus {
        if !self.invocation.printsJSON {
            Console.information("Streaming updates for envelope \(TerminalText.safe(id))")
            Console.prose(String(repeating: "-", count: 60))
        }
        let follower = EnvelopeFollower(connection: connection, envelopeID: id)
        let isQuiet = self.invocation.printsJSON
        let ending = try await InterruptibleWork.run(id: id) {
            try await follower.follow { event in
                Console.output(event.document.text + "\n")
                if !isQuiet { Console.information(TerminalText.safe(event.line)) }
            }
        }
        switch ending {
        case nil: return .interrupted
        case .streamOver: return .done
        case .ended(let event): return Self.status(of: event, exitsZero: self.invocation.exitsZero)
        }
    }

    private func wait(_ id: String, _ timeout: Duration?, _ connection: GatewayConnection) async throws -> ExitStatus {
        let follower = EnvelopeFollower(connection: connection, envelopeID: id)
        let outcome = try await InterruptibleWork.run(id: id, timeout: timeout) {
            (ending: try await follower.follow { _ in }, document: try await follower.document())
        }
        guard let outcome else { return InterruptibleWork.wasInterrupted ? .interrupted : .notFinished }
        Console.output(Self.indented(outcome.document.body))
        guard case .ended(let event) = outcome.ending else { return .done }
        return Self.status(of: event, exitsZero: self.invocation.exitsZero)
    }

    static func status(of event: EnvelopeEvent, exitsZero: Bool) -> ExitStatus {
        event.status == "failed" && !exitsZero ? .envelopeFailed : .done
    }

    /// JSON indented by two; a text that cannot be parsed stays as it is.
    static func indented(_ body: [UInt8]) -> String {
        let text = (try? JSONTree(parsing: body))?.indentedText ?? String(decoding: body, as: UTF8.self)
        return text.hasSuffix("\n") ? text : text + "\n"
    }
}

/// Files and standard input named on the command line.
enum TextFile {
    /// More is no argument of a call.
    private static let byteLimit = 64 << 20

    static func read(_ path: String) throws -> String {
        func failure() -> CommandFailure { CommandFailure("cannot read \(path): \(String(cString: strerror(errno)))") }
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure() }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure() }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
            guard bytes.count <= self.byteLimit else { throw CommandFailure("\(path) is too large") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(path) is not UTF-8")
        }
        return text
    }
}
