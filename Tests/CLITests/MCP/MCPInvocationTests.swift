import Support
import Testing

@testable import CLI

@Suite struct MCPInvocationTests {
    static func parse(_ line: String, _ variables: [String: String] = [:]) throws -> MCPInvocation {
        let words = line.split(separator: " ").map(String.init)
        return try MCPInvocation(words, environment: EnvironmentReader(variables))
    }

    @Test(
        arguments: [
            ("list", .list), ("list --all-pages", .list), ("show t", .show(tool: "t")),
            ("call t", .call(tool: "t", words: [])),
            ("call t --a=1 --url x -h", .call(tool: "t", words: ["--a=1", "--url", "x", "-h"])),
            ("status e", .status("e")), ("stream e", .stream("e")), ("cancel e", .cancel("e")),
            ("children e", .children("e")), ("wait e", .wait("e", timeout: nil)),
            ("wait e --timeout 30s", .wait("e", timeout: .seconds(30))),
            ("ls --status failed --tool=t --limit 5", .listEnvelopes(.init(status: "failed", tool: "t", limit: 5))),
            ("--help", .help), ("-h", .help),
        ] as [(String, MCPInvocation.Action)]
    )
    func commands(line: String, action: MCPInvocation.Action) throws {
        #expect(try Self.parse(line).action == action)
    }

    @Test(arguments: [
        "", "nope", "--nope list", "list extra", "show", "call", "status", "ls --limit 0", "ls --limit x",
        "wait e --timeout soon", "status e --limit 3", "--url", "list --status x",
    ])
    func wrongUsage(line: String) {
        #expect(throws: MCPInvocation.UsageError.self) { try Self.parse(line) }
    }

    @Test("a gateway of this folder counts more than the default and less than what somebody has said")
    func localGateway() throws {
        func url(_ words: [String], _ variables: [String: String]) throws -> String {
            try MCPInvocation(words, environment: EnvironmentReader(variables)) { "http://local:1" }.url
        }
        #expect(try url(["list"], [:]) == "http://local:1")
        #expect(try url(["list"], ["ASYA_CLI_MCP_URL": "http://a"]) == "http://a")
        #expect(try url(["list"], ["ASYA_CLI_URL": "http://b"]) == "http://b")
        #expect(try url(["--url", "http://c", "list"], ["ASYA_CLI_MCP_URL": "http://a"]) == "http://c")
    }

    @Test func optionsBeforeTheCommand() throws {
        let parsed = try Self.parse("--url http://x:1// --no_stream --debug --token t --protocol 2025-06-18 list")
        #expect(parsed.url == "http://x:1")
        #expect(!parsed.streams && parsed.isDebugging)
        #expect(parsed.token == "t" && parsed.version == "2025-06-18")
    }

    @Test func optionsOfACallStandBeforeTheTool() throws {
        let parsed = try Self.parse("call --idempotency-key k --file=- --exit-zero --cancel-on-interrupt t --file x")
        #expect(parsed.idempotencyKey == "k" && parsed.argumentsFile == "-")
        #expect(parsed.exitsZero && parsed.cancelsOnInterrupt)
        #expect(parsed.action == .call(tool: "t", words: ["--file", "x"]))
    }

    @Test(arguments: [
        ([:], "http://localhost:8089", true, false),
        (
            ["ASYA_CLI_URL": "http://a/", "ASYA_CLI_NO_STREAM": "yes", "ASYA_CLI_DEBUG": "TRUE"], "http://a", false,
            true
        ),
        (["ASYA_CLI_URL": "http://a", "ASYA_CLI_MCP_URL": "http://b"], "http://b", true, false),
        (["ASYA_CLI_MCP_DEBUG": "0", "ASYA_CLI_DEBUG": "1"], "http://localhost:8089", true, false),
        (["ASYA_CLI_MCP_URL": ""], "http://localhost:8089", true, false),
    ])
    func theEnvironment(variables: [String: String], url: String, streams: Bool, debugs: Bool) throws {
        let parsed = try Self.parse("list", variables)
        #expect(parsed.url == url)
        #expect(parsed.streams == streams && parsed.isDebugging == debugs)
    }

    @Test(
        arguments: [
            (["/usr/bin/asya", "up"], ["up"]), (["asya-mcp", "list"], ["mcp", "list"]),
            (["/opt/asya-mcp-forward", "-n", "x"], ["mcp-forward", "-n", "x"]), (["asya"], []), ([], []),
        ] as [([String], [String])]
    )
    func oldNamesStandForCommands(words: [String], arguments: [String]) {
        #expect(ProgramName.arguments(words) == arguments)
    }
}
