internal import Dispatch
internal import LocalStore
internal import MCP
internal import Support
internal import Synchronization

/// What may stand at the cursor of an `asya mcp …` line: commands and options are known, tools and their parameters are
/// asked for (cli.md 3.9). Pure but for `candidates`.
struct MCPCompletion: Equatable {
    enum Wanted: Equatable {
        case words([String])
        case tools
        case parameters(tool: String)
        case nothing
    }

    /// A shell waits for the answer while somebody looks at it.
    private static let patience = DispatchTimeInterval.seconds(2)
    private static let commands = [
        "list", "show", "call", "status", "stream", "wait", "cancel", "ls", "children",
    ]
    private static let flags = ["--no-stream", "--debug", "--json", "--insecure", "--help"]
    private static let valueOptions = ["--url", "--protocol", "--token", "--token-file", "--cacert"]
    private static let callFlags = ["--exit-zero", "--cancel-on-interrupt"]
    private static let callValueOptions = ["--idempotency-key", "--file"]

    /// Options that say how the gateway is reached.
    private(set) var options: [String] = []
    private(set) var wanted: Wanted = .nothing

    /// - Parameters:
    ///   - words: what stands between `mcp` and the cursor's word.
    ///   - prefix: the beginning of that word.
    init(_ words: [String], prefix: String) {
        var words = words[...]
        self.options += Self.takeOptions(&words, with: Self.valueOptions)
        guard let command = words.popFirst() else {
            let isInsideOption = self.options.last.map(Self.valueOptions.contains) ?? false
            if !isInsideOption { self.wanted = .words(Self.commands + Self.flags + Self.valueOptions) }
            return
        }
        guard command == "call" || command == "show" else { return }
        let own = Self.takeOptions(&words, with: Self.valueOptions + Self.callValueOptions)
        if let last = own.last, (Self.valueOptions + Self.callValueOptions).contains(last) { return }
        guard let tool = words.popFirst() else {
            let isOption = command == "call" && prefix.hasPrefix("-")
            self.wanted = isOption ? .words(Self.callFlags + Self.callValueOptions) : .tools
            return
        }
        if command == "call" { self.wanted = .parameters(tool: tool) }
    }

    private static func takeOptions(_ words: inout ArraySlice<String>, with values: [String]) -> [String] {
        var options: [String] = []
        while let word = words.first, word.hasPrefix("-") {
            options.append(words.removeFirst())
            if values.contains(word), let value = words.popFirst() { options.append(value) }
        }
        return options
    }

    /// For ArgumentParser: the words of the whole line, which of them the cursor is in, and what stands before it there.
    static func candidates(_ line: [String], _ index: Int, _ prefix: String) -> [String] {
        let before = line.prefix(max(index, 0))
        guard let start = before.firstIndex(of: "mcp") else { return [] }
        let completion = MCPCompletion(Array(before[(start + 1)...]), prefix: prefix)
        let found: [String] =
            switch completion.wanted {
            case .nothing: []
            case .words(let words): words
            case .tools: completion.tools().map(\.name)
            case .parameters(let name):
                completion.tools().first { $0.name == name }.map(Self.parameters) ?? []
            }
        return found.filter { $0.hasPrefix(prefix) }
    }

    static func parameters(of tool: ToolDirectory.Tool) -> [String] {
        (tool.inputSchema?["properties"]?.object?.members ?? []).map { "--\($0.name)=" }
    }

    /// The gateway's tools; none when it does not answer in time, since there is nobody to tell.
    private func tools() -> [ToolDirectory.Tool] {
        let environment = EnvironmentReader.process
        let result = ToolBox()
        let done = DispatchSemaphore(value: 0)
        let options = self.options
        Task.detached {
            defer { done.signal() }
            guard
                let invocation = try? MCPInvocation(
                    options + ["list"],
                    environment: environment,
                    localURL: { MCPCommand.localURL(environment) }
                ),
                let connection = try? GatewayConnection(
                    invocation,
                    token: try MCPProgram(invocation, environment: environment).token(),
                    environment: environment
                )
            else { return }
            let tools = try? await ToolDirectory(connection: connection, version: invocation.version).tools()
            await connection.close()
            result.tools.withLock { $0 = tools ?? [] }
        }
        _ = done.wait(timeout: .now() + Self.patience)
        return result.tools.withLock { $0 }
    }

    private final class ToolBox: Sendable {
        let tools = Mutex<[ToolDirectory.Tool]>([])
    }
}
