import MCP
import Testing

@testable import CLI

@Suite struct MCPCompletionTests {
    static func wanted(_ line: String, _ prefix: String = "") -> MCPCompletion.Wanted {
        MCPCompletion(line.split(separator: " ").map(String.init), prefix: prefix).wanted
    }

    @Test(
        "what is wanted at the cursor",
        arguments: [
            ("call", "", .tools), ("show", "t", .tools), ("--debug call", "", .tools),
            ("call --idempotency-key k", "", .tools), ("call --exit-zero", "", .tools),
            ("call t", "--", .parameters(tool: "t")), ("call t --a=1", "", .parameters(tool: "t")),
            ("show t", "", .nothing), ("status", "", .nothing), ("list", "", .nothing),
            ("--url", "", .nothing), ("call --file", "", .nothing),
        ] as [(String, String, MCPCompletion.Wanted)]
    )
    func positions(line: String, prefix: String, expected: MCPCompletion.Wanted) {
        #expect(Self.wanted(line, prefix) == expected)
    }

    @Test("commands first, options of a call before its tool")
    func words() {
        guard case .words(let first) = Self.wanted(""), case .words(let afterURL) = Self.wanted("--url http://x"),
            case .words(let ofCall) = Self.wanted("call", "--")
        else {
            Issue.record("words")
            return
        }
        #expect(first.contains("call") && first.contains("--url") && afterURL == first)
        #expect(ofCall.contains("--idempotency-key"))
        #expect(
            MCPCompletion(["--url", "http://x", "--json", "call"], prefix: "").options == [
                "--url", "http://x", "--json",
            ]
        )
    }

    @Test("candidates begin with what was typed; other lines have none")
    func candidates() {
        #expect(MCPCompletion.candidates(["asya", "mcp", "st"], 2, "st") == ["status", "stream"])
        #expect(MCPCompletion.candidates(["asya", "send", "st"], 2, "st") == [])
        #expect(MCPCompletion.candidates([], 0, "") == [])
    }

    @Test("parameters are those of the schema")
    func parameters() throws {
        let schema = try JSONTree(parsing: #"{"properties":{"text":{},"count":{}}}"#)
        let tool = ToolDirectory.Tool(name: "t", description: nil, inputSchema: schema)
        #expect(MCPCompletion.parameters(of: tool) == ["--text=", "--count="])
    }
}
