import MCP
import Testing

/// The order of checks of gateway.md 18.3 and the headers of 18.4.
@Suite struct ModernRequestTests {
    static let version = "2026-07-28"
    static let goodMeta =
        #"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#

    static func body(
        method: String = "tools/list",
        params: String = "",
        meta: String? = Self.goodMeta,
        version: String = Self.version
    ) -> String {
        let metaMember = meta.map { #""_meta":\#($0.replacing("2026-07-28", with: version))"# }
        let members = [params.isEmpty ? nil : params, metaMember].compactMap { $0 }.joined(separator: ",")
        return #"{"jsonrpc":"2.0","id":7,"method":"\#(method)","params":{\#(members)}}"#
    }

    static func headers(_ changes: [(String, String?)] = [], method: String = "tools/list") -> [(String, String)] {
        var fields = [("MCP-Protocol-Version", Self.version), ("Mcp-Method", method)]
        for (name, value) in changes {
            fields.removeAll { $0.0 == name }
            if let value { fields.append((name, value)) }
        }
        return fields
    }

    /// The code of the refusal; 0 when served, 1 when only acknowledged.
    static func code(_ body: String, _ headers: [(String, String)]) throws -> Int {
        let bytes = Array(body.utf8)
        let fields = HeaderFields(headers.map { (name: $0.0, value: $0.1) })
        switch ModernRequest.judge(try IncomingMessage.document(bytes), body: bytes, headers: fields) {
        case .serve: return 0
        case .acknowledgeNotification: return 1
        case .refuse(let fault): return fault.error.code.rawValue
        }
    }

    @Test func aGoodRequestIsServed() throws {
        #expect(try Self.code(Self.body(), Self.headers()) == 0)
    }

    @Test(
        arguments: [
            nil, "{}", "[]", #"{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
            #"{"io.modelcontextprotocol/clientCapabilities":{}}"#,
            #"{"io.modelcontextprotocol/protocolVersion":3,"io.modelcontextprotocol/clientCapabilities":{}}"#,
            #"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}"#,
            String(goodMeta.dropLast()) + #","progressToken":{}}"#,
            String(goodMeta.dropLast()) + #","progressToken":1.5}"#,
            String(goodMeta.dropLast()) + #","io.modelcontextprotocol/logLevel":"loud"}"#,
        ] as [String?]
    )
    func incompleteMetadataIsInvalidParams(meta: String?) throws {
        #expect(try Self.code(Self.body(meta: meta), Self.headers()) == -32602)
    }

    @Test(
        arguments: [
            [("MCP-Protocol-Version", nil)], [("MCP-Protocol-Version", "2025-11-25")], [("Mcp-Method", nil)],
            [("Mcp-Method", "tools/call")], [("Mcp-Method", "TOOLS/LIST")], [("Mcp-Method", "=?base64?!!!!?=")],
        ] as [[(String, String?)]]
    )
    func headersThatDoNotMirrorTheBodyAreAMismatch(changes: [(String, String?)]) throws {
        #expect(try Self.code(Self.body(), Self.headers(changes)) == -32020)
    }

    @Test func repeatedRoutingHeadersAreAMismatchBeforeMetadataIsLookedAt() throws {
        for name in ["MCP-Protocol-Version", "Mcp-Method", "mcp-name"] {
            let twice = Self.headers() + [(name, "x"), (name, "x")]
            #expect(try Self.code(Self.body(meta: nil), twice) == -32020)
        }
    }

    @Test func anUnknownVersionIsNamed() throws {
        let body = Array(Self.body(version: "v999.0.0").utf8)
        let headers = Self.headers([("MCP-Protocol-Version", "v999.0.0")])
        let verdict = ModernRequest.judge(
            try IncomingMessage.document(body),
            body: body,
            headers: HeaderFields(headers.map { (name: $0.0, value: $0.1) })
        )
        guard case .refuse(let fault) = verdict else {
            Issue.record("served")
            return
        }
        #expect(fault.error.code == .unsupportedVersion)
        #expect(fault.error.data?.text == #"{"supported":["2026-07-28"],"requested":"v999.0.0"}"#)
        #expect(fault.id == .number("7"))
    }

    @Test func aContradictionComesBeforeAnUnsupportedVersion() throws {
        let headers = Self.headers([("MCP-Protocol-Version", "v1")])
        #expect(try Self.code(Self.body(version: "v2"), headers) == -32020)
    }

    @Test func namesOfHeadersIgnoreCaseAndValuesLoseBlanks() throws {
        let headers = [("mcp-PROTOCOL-version", " \t2026-07-28 "), ("MCP-METHOD", "tools/list\t")]
        #expect(try Self.code(Self.body(), headers) == 0)
    }

    @Test(arguments: [
        ("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri"), ("tasks/get", "taskId"),
        ("tasks/update", "taskId"), ("tasks/cancel", "taskId"),
    ])
    func theNameIsMirrored(method: String, member: String) throws {
        let body = Self.body(method: method, params: #""\#(member)":"Grüße""#)
        let mirrored = [("Mcp-Name", "=?base64?R3LDvMOfZQ==?=")] as [(String, String?)]
        #expect(try Self.code(body, Self.headers(mirrored, method: method)) == 0)
        #expect(try Self.code(body, Self.headers(method: method)) == -32020)
        #expect(try Self.code(body, Self.headers([("Mcp-Name", "other")], method: method)) == -32020)
        #expect(try Self.code(body, Self.headers([("Mcp-Name", "=?base64?R3LDvMOfZQ=?=")], method: method)) == -32020)
    }

    @Test func aNotificationIsAcknowledgedUnlessItsVersionIsUnknown() throws {
        let body = #"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#
        #expect(try Self.code(body, Self.headers()) == 1)
        #expect(try Self.code(body, Self.headers([("MCP-Protocol-Version", "v9")])) == -32022)
    }

    @Test func theShapeComesFirst() throws {
        #expect(try Self.code("[]", Self.headers() + Self.headers()) == -32600)
    }
}

@Suite struct ParameterHeadersTests {
    static let schema = """
        {"type":"object","properties":{
          "region":{"type":"string","x-mcp-header":"Region"},
          "place":{"type":"object","properties":{"zip":{"type":"integer","x-mcp-header":"Zip"}}},
          "dry":{"type":"boolean","x-mcp-header":"Dry"}}}
        """

    @Test(
        arguments: [
            ("{}", [], true), (#"{"region":"eu"}"#, [("Region", "eu")], true), (#"{"region":"eu"}"#, [], false),
            (#"{"region":"eu"}"#, [("Region", "EU")], false), ("{}", [("Region", "eu")], false),
            (#"{"region":null}"#, [], true), (#"{"region":null}"#, [("Region", "")], false),
            (#"{"region":"eu"}"#, [("Region", "eu"), ("region", "eu")], false),
            (#"{"region":"é"}"#, [("Region", "=?base64?w6k=?=")], true),
            (#"{"place":{"zip":42}}"#, [("Zip", "42.0")], true), (#"{"place":{"zip":42}}"#, [("zip", "43")], false),
            (#"{"place":{"zip":42}}"#, [("Zip", "x")], false),
            (#"{"place":{"zip":9007199254740993}}"#, [("Zip", "9007199254740993")], false),
            (#"{"dry":true}"#, [("Dry", "true")], true), (#"{"dry":true}"#, [("Dry", "True")], false),
            (#"{"dry":false}"#, [("Dry", "false"), ("Other", "x")], true),
        ] as [(String, [(String, String)], Bool)]
    )
    func fieldsMirrorArguments(arguments: String, fields: [(String, String)], isGood: Bool) throws {
        let headers = try ParameterHeaders(inputSchema: JSONTree(parsing: Self.schema))
        let all = HeaderFields(fields.map { (name: "Mcp-Param-" + $0.0, value: $0.1) })
        let tree = try JSONTree(parsing: arguments)
        do throws(RPCError) {
            try headers.check(arguments: tree, headers: all)
            #expect(isGood)
        } catch {
            #expect(!isGood)
            #expect(error.code == .headerMismatch)
        }
    }

    @Test(arguments: [
        #"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#,
        #"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#,
        #"{"properties":{"a":{"type":"string","x-mcp-header":3}}}"#,
        #"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
        #"{"properties":{"a":{"x-mcp-header":"A"}}}"#,
        #"{"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}"#,
        #"{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#,
        #"{"type":"string","x-mcp-header":"A"}"#,
        #"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
    ])
    func brokenAnnotationsAreRefused(schema: String) throws {
        let tree = try JSONTree(parsing: schema)
        #expect(throws: SchemaError.self) { try ParameterHeaders(inputSchema: tree) }
    }
}
