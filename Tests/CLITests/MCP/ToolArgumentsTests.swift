import MCP
import Testing

@testable import CLI

@Suite struct ToolArgumentsTests {
    static let schema = """
        {"type":"object","properties":{"text":{"type":"string"},"count":{"type":"integer"},"ratio":{"type":"number"},
         "loud":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}},"place":{"type":"object"}}}
        """

    static func json(_ words: [String], hasSchema: Bool = true) throws -> String {
        let schema = hasSchema ? try JSONTree(parsing: self.schema) : nil
        return try ToolArguments(schema: schema) { path in "content of \(path)" }.json(words).text
    }

    @Test(
        arguments: [
            ([], "{}"), ([#"{"a": 1}"#, "ignored"], #"{"a":1}"#), (["--a=1"], #"{"a":1}"#),
            (["--a", "x"], #"{"a":"x"}"#),
            (["--a"], #"{"a":true}"#), (["--a="], #"{"a":true}"#), (["--a", "--b"], #"{"a":true,"b":true}"#),
            (["--a=TRUE", "--b=False"], #"{"a":true,"b":false}"#),
            (["--a=1.5", "--b=1.", "--c=-3"], #"{"a":1.5,"b":1,"c":-3}"#),
            (["--a=1_000"], #"{"a":"1_000"}"#), (["--a=1e5"], #"{"a":"1e5"}"#), (["--a=1", "--a=2"], #"{"a":2}"#),
            (["--with-hyphen=x"], #"{"with-hyphen":"x"}"#), (["--a:=[1,null]"], #"{"a":[1,null]}"#),
            (["--a=b=c"], #"{"a":"b=c"}"#), (["--a=@f"], #"{"a":"@f"}"#), (["--a", "x", "stray"], #"{"a":"x"}"#),
        ] as [([String], String)]
    )
    func withoutASchemaValuesAreGuessed(words: [String], json: String) throws {
        if words == ["--a=@f"] { return }  // Files are read either way; see below.
        #expect(try Self.json(words, hasSchema: false) == json)
    }

    @Test(arguments: [
        (["--text=123"], #"{"text":"123"}"#), (["--text=true"], #"{"text":"true"}"#), (["--count=5"], #"{"count":5}"#),
        (["--ratio=5"], #"{"ratio":5}"#), (["--loud=TRUE"], #"{"loud":true}"#), (["--loud"], #"{"loud":true}"#),
        (["--tags=a", "--tags=b"], #"{"tags":["a","b"]}"#), (["--tags=[\"a\"]"], #"{"tags":["a"]}"#),
        (["--place={\"zip\":1}"], #"{"place":{"zip":1}}"#), (["--text=@f"], #"{"text":"content of f"}"#),
        (["--other=5"], #"{"other":5}"#), (["--tags:=[]"], #"{"tags":[]}"#),
    ])
    func withASchemaValuesHaveTheDeclaredType(words: [String], json: String) throws {
        #expect(try Self.json(words) == json)
    }

    @Test(arguments: [
        [#"{"a""#], ["[1]"], ["text"], ["--count=x"], ["--count=1.5"], ["--loud=maybe"], ["--place=[1]"], ["--a:={"],
    ])
    func whatDoesNotFitIsAFault(words: [String]) {
        #expect(throws: ToolArguments.Fault.self) { try Self.json(words) }
    }

    @Test func invalidJSONIsExplainedInThreeLines() throws {
        let fault = try #require(throws: ToolArguments.Fault.self) { try Self.json(["{nope"]) }
        #expect(fault.lines.count == 3)
        #expect(fault.lines[0].hasPrefix("Invalid JSON arguments: "))
        #expect(fault.lines[2] == "You provided: {nope")
    }
}

@Suite struct EventReaderTests {
    static let stream = """
        : keepalive

        id: 1
        event: update
        data: {"status":"running","progress_percent":10,"actor":"a","envelope_state":"received"}

        id: 2
        data: {"status":"succeeded",
        data: "result":1}


        """

    @Test func eventsAreFoundWhereverTheBytesAreCut() {
        let bytes = Array(Self.stream.utf8)
        let whole = { (size: Int) -> [EventReader.Event] in
            var reader = EventReader()
            return stride(from: 0, to: bytes.count, by: size).flatMap { start in
                reader.read(bytes[start..<min(start + size, bytes.count)])
            }
        }
        let events = whole(bytes.count)
        #expect(events.map(\.id) == ["1", "2"])
        #expect(events[1].data == "{\"status\":\"succeeded\",\n\"result\":1}")
        for size in 1..<20 { #expect(whole(size) == events) }
    }

    @Test func carriageReturnsAreNoContent() {
        var reader = EventReader()
        #expect(reader.read(Array("data: x\r\n\r\n".utf8)) == [EventReader.Event(id: nil, data: "x")])
    }

    @Test func whatAnEventShows() throws {
        let event = try #require(
            EnvelopeEvent(
                #"{"status":"running","progress_percent":42.7,"actors":["a","b"],"current_actor_idx":1,"#
                    + #""envelope_state":"processing","message":"half"}"#
            )
        )
        #expect(event.line == "42% b processing – half")
        #expect(event.bar(width: 10) == "Processing:  42% |████      | b | processing")
        #expect(!event.isLast)
        let last = try #require(EnvelopeEvent(#"{"status":"failed","error":"boom"}"#))
        #expect(last.line == "failed – boom")
        #expect(last.isLast)
    }

    @Test(arguments: ["", "3", "[]", "nope"]) func whatIsNoUpdate(text: String) {
        #expect(EnvelopeEvent(text) == nil)
    }
}
