internal import MCP
internal import NIOHTTP1
internal import Support

/// `call`: sends the call, then follows its envelope (cli.md 1.3).
struct ToolCaller {
    let invocation: MCPInvocation
    let connection: GatewayConnection

    func call(_ tool: String, _ words: [String]) async throws -> ExitStatus {
        let arguments = try await self.arguments(tool, words)
        if self.invocation.isDebugging {
            Console.information("Calling tool: \(TerminalText.safe(tool))")
            Console.information("Arguments: \(arguments.text)")
        }
        let body: JSONTree = ["name": .string(tool), "arguments": arguments]
        var headers: [(String, String)] = []
        let key = self.invocation.idempotencyKey
        if let key { headers.append(("Idempotency-Key", key)) }
        let reply = try await self.connection.require(
            .POST,
            // Also of a tool that usually answers with its result: that may take longer than a request, and shows no
            // progress.
            "/tools/call?wait=false",
            headers: headers,
            body: body.bytes,
            // Without a key a second sending could be a second call.
            isRepeatable: key != nil
        )
        let document = try? JSONTree(parsing: reply.body)  // Shown as it is when it is not what we expect.
        let isError = document?["isError"] == true
        let failed: ExitStatus = isError && !self.invocation.exitsZero ? .toolError : .done
        guard self.invocation.streams, !isError, let id = document.flatMap(Self.envelopeID) else {
            Console.output(MCPProgram.indented(reply.body))
            return failed
        }
        return try await self.follow(id)
    }

    /// Words, a file or standard input; the schema is only asked for when flags need it.
    private func arguments(_ tool: String, _ words: [String]) async throws -> JSONTree {
        if let file = self.invocation.argumentsFile { return try ToolArguments.object(try TextFile.read(file)) }
        var schema: JSONTree?
        if words.first?.hasPrefix("--") == true {
            let directory = ToolDirectory(connection: self.connection, version: self.invocation.version)
            // Without it values are guessed, as the original does.
            schema = try? await directory.tools().first { $0.name == tool }?.inputSchema
        }
        return try ToolArguments(schema: schema, readFile: TextFile.read).json(words)
    }

    /// In the first text that is a JSON object with that member, or beside it.
    static func envelopeID(_ document: JSONTree) -> String? {
        for block in document["content"]?.elements ?? [] {
            guard let text = block["text"]?.string, let inner = try? JSONTree(parsing: text) else { continue }
            if let id = inner["envelope_id"]?.string { return id }
        }
        return document["envelope_id"]?.string
    }

    private func follow(_ id: String) async throws -> ExitStatus {
        if !self.invocation.printsJSON { Console.information("Envelope ID: \(id)") }
        let display = ProgressDisplay(
            ProgressDisplay.form(isDebugging: self.invocation.isDebugging, isQuiet: self.invocation.printsJSON)
        )
        let follower = EnvelopeFollower(connection: self.connection, envelopeID: id)
        let ending = try await InterruptibleWork.run(id: id) { try await follower.follow { display.show($0) } }
        display.finish()
        switch ending {
        case nil:
            try await self.interrupted(id)
            return .interrupted
        case .streamOver:
            let reply = try await follower.document()
            Console.output(MCPProgram.indented(reply.body))
            return .done
        case .ended(let event):
            Console.output(event.document.indentedText + "\n")
            return MCPProgram.status(of: event, exitsZero: self.invocation.exitsZero)
        }
    }

    private func interrupted(_ id: String) async throws {
        guard self.invocation.cancelsOnInterrupt else { return }
        _ = try await self.connection.require(.POST, "/envelopes/\(URLText.escaped(id))/cancel", body: [])
        Console.information("Envelope \(id) cancelled")
    }
}
