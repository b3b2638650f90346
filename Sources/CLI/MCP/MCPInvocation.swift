internal import Support

/// One command line of `asya mcp` (and `asya-mcp`, whose syntax it keeps; cli.md 1, 3). Pure: words and environment in,
/// a value out.
struct MCPInvocation: Equatable {
    enum Action: Equatable {
        case list
        case show(tool: String)
        case call(tool: String, words: [String])
        case status(String)
        case stream(String)
        case cancel(String)
        case children(String)
        case wait(String, timeout: Duration?)
        case listEnvelopes(EnvelopeFilter)
        case help
    }

    /// `ls`.
    struct EnvelopeFilter: Equatable {
        var status: String?
        var tool: String?
        var limit: Int?
    }

    var action: Action
    var url: String
    /// `nil` tries the newest revision first and falls back to the handshake.
    var version: String?
    var token: String?
    var tokenFile: String?
    var certificateFile: String?
    var isInsecure = false
    var streams = true
    var isDebugging = false
    var printsJSON = false
    var idempotencyKey: String?
    var argumentsFile: String?
    var exitsZero = false
    var cancelsOnInterrupt = false

    static let defaultURL = "http://localhost:8089"

    /// Wrong usage: exit status 2.
    struct UsageError: Error, Equatable {
        var text: String
    }

    /// The settings of the environment alone; the documented aliases of the original's README count less.
    private init(environment: EnvironmentReader, localURL: () -> String?) {
        self.action = .help
        let given = environment.text("ASYA_CLI_MCP_URL") ?? environment.text("ASYA_CLI_URL")
        self.url = given ?? localURL() ?? Self.defaultURL
        self.streams = !Self.isSet("NO_STREAM", environment)
        self.isDebugging = Self.isSet("DEBUG", environment)
        self.token = environment.text("ASYA_CLI_TOKEN")
    }

    private static func isSet(_ name: String, _ environment: EnvironmentReader) -> Bool {
        let text = environment.text("ASYA_CLI_MCP_\(name)") ?? environment.text("ASYA_CLI_\(name)") ?? ""
        return ["1", "true", "yes"].contains(text.lowercased())
    }

    /// - Parameter localURL: the gateway of an `asya up` in this folder or one above, asked for when the environment
    ///   names none; the option `--url` wins over all.
    init(
        _ words: [String],
        environment: EnvironmentReader,
        localURL: () -> String? = { nil }
    ) throws(UsageError) {
        self.init(environment: environment, localURL: localURL)
        var words = Words(words)
        while let word = words.peek, word.hasPrefix("-") {
            words.skip()
            if word == "-h" || word == "--help" { return }
            guard try self.readOption(word, &words) else { throw UsageError(text: "unknown option \(word)") }
        }
        guard let command = words.next() else { throw UsageError(text: "a command is missing") }
        try self.readCommand(command, &words)
        while self.url.hasSuffix("/") { self.url.removeLast() }
    }

    private mutating func readCommand(_ command: String, _ words: inout Words) throws(UsageError) {
        switch command {
        case "call":
            // Everything behind the tool's name is arguments, whatever it looks like.
            try self.readOptions(&words)
            let tool = try Self.need(words.next(), "the name of a tool")
            self.action = .call(tool: tool, words: words.rest)
        case "list":
            self.action = .list
            try self.readOptions(&words)
            try Self.requireEnd(&words)
        case "ls":
            self.action = .listEnvelopes(EnvelopeFilter())
            try self.readOptions(&words)
            try Self.requireEnd(&words)
        case "show", "status", "stream", "cancel", "children", "wait":
            try self.readOptions(&words)
            let operand = try Self.need(words.next(), command == "show" ? "the name of a tool" : "an envelope id")
            self.action = Self.action(command, operand)
            try self.readOptions(&words)
            try Self.requireEnd(&words)
        default: throw UsageError(text: "unknown command \(command)")
        }
    }

    private static func action(_ command: String, _ operand: String) -> Action {
        switch command {
        case "show": .show(tool: operand)
        case "status": .status(operand)
        case "stream": .stream(operand)
        case "cancel": .cancel(operand)
        case "children": .children(operand)
        default: .wait(operand, timeout: nil)
        }
    }

    private mutating func readOptions(_ words: inout Words) throws(UsageError) {
        while let word = words.peek, word.hasPrefix("-"), word != "-" {
            words.skip()
            if try self.readOption(word, &words) { continue }
            guard try self.readCommandOption(word, &words) else { throw UsageError(text: "unknown option \(word)") }
        }
    }

    /// Options that every command has. Returns whether `word` is one.
    private mutating func readOption(_ word: String, _ words: inout Words) throws(UsageError) -> Bool {
        let (name, value) = Words.split(word)
        switch name {
        case "--url": self.url = try words.value(of: name, value)
        case "--protocol": self.version = try words.value(of: name, value)
        case "--token": self.token = try words.value(of: name, value)
        case "--token-file": self.tokenFile = try words.value(of: name, value)
        case "--cacert": self.certificateFile = try words.value(of: name, value)
        case "--no-stream", "--no_stream": self.streams = false
        case "--debug": self.isDebugging = true
        case "--json": self.printsJSON = true
        case "--insecure": self.isInsecure = true
        default: return false
        }
        return true
    }

    private mutating func readCommandOption(_ word: String, _ words: inout Words) throws(UsageError) -> Bool {
        let (name, value) = Words.split(word)
        switch (name, self.action) {
        case ("--all-pages", .list): break  // All pages are always read.
        case ("--idempotency-key", _): self.idempotencyKey = try words.value(of: name, value)
        case ("--file", _): self.argumentsFile = try words.value(of: name, value)
        case ("--exit-zero", _): self.exitsZero = true
        case ("--cancel-on-interrupt", _): self.cancelsOnInterrupt = true
        case ("--status", .listEnvelopes(var filter)):
            filter.status = try words.value(of: name, value)
            self.action = .listEnvelopes(filter)
        case ("--tool", .listEnvelopes(var filter)):
            filter.tool = try words.value(of: name, value)
            self.action = .listEnvelopes(filter)
        case ("--limit", .listEnvelopes(var filter)):
            guard let limit = Int(try words.value(of: name, value)), (1...500).contains(limit) else {
                throw UsageError(text: "--limit must be a number from 1 to 500")
            }
            filter.limit = limit
            self.action = .listEnvelopes(filter)
        case ("--timeout", .wait(let id, timeout: _)):
            let text = try words.value(of: name, value)
            guard let duration = DurationArgument(argument: text)?.duration else {
                throw UsageError(text: "--timeout must be a length of time such as 30s")
            }
            self.action = .wait(id, timeout: duration)
        default: return false
        }
        return true
    }

    private static func need(_ word: String?, _ what: String) throws(UsageError) -> String {
        guard let word, !word.isEmpty else { throw UsageError(text: "\(what) is missing") }
        return word
    }

    private static func requireEnd(_ words: inout Words) throws(UsageError) {
        guard let word = words.next() else { return }
        throw UsageError(text: "unexpected argument \(word)")
    }
}

/// Words of a command line, taken one after the other.
private struct Words {
    private var words: ArraySlice<String>

    init(_ words: [String]) { self.words = words[...] }

    var peek: String? { self.words.first }
    var rest: [String] { Array(self.words) }

    mutating func skip() { self.words.removeFirst() }
    mutating func next() -> String? { self.words.popFirst() }

    /// `--name=value` in two parts.
    static func split(_ word: String) -> (name: String, value: String?) {
        guard let equals = word.firstIndex(of: "=") else { return (word, nil) }
        return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }

    mutating func value(of name: String, _ inline: String?) throws(MCPInvocation.UsageError) -> String {
        guard let value = inline ?? self.words.popFirst() else {
            throw MCPInvocation.UsageError(text: "\(name) needs a value")
        }
        return value
    }
}
