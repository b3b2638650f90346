import Envelope
import Testing

/// RFC 8259 as envelope.md 2 narrows it: every case is a whole text, and also a payload inside an envelope.
@Suite("JSON grammar")
struct JSONGrammarTests {
    static let accepted: [String] = [
        "null", "true", "false", " true ", "\t\r\n null\n", "0", "-0", "1", "-1", "10", "123456789", "0.0", "-0.0",
        "0.5", "1.25", "-1.25", "0e0", "0E0", "0e+0", "0e-0", "1e5", "1E5", "1e+5", "1e-5", "1.5e10", "1.5E-10",
        "123456789012345678901234567890", "-123456789012345678901234567890", "1e400", "-1e400", "1e-400",
        "0.000000000000000000000000000000000000000000001", "12345678.12345678", "1234567890123456.1234567890123456",
        "1.0e0000000000000000000001", "[]", "[ ]", "{}", "{ }", "[\n]", "{\t}", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]",
        "[[],[]]", "[{}]", "[null,true,false]", "[1,\"a\",{},[]]", "[[[[[[[[[[]]]]]]]]]]", "{\"a\":1}",
        "{\"a\":1,\"b\":2}", "{ \"a\" : 1 , \"b\" : 2 }", "{\"\":0}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":{\"c\":{}}}}", "\"\"", "\" \"", "\"a\"", "\"abcdefghijklmno\"", "\"abcdefghijklmnop\"",
        "\"abcdefghijklmnopq\"", "\"abcdefghijklmnopqrstuvwxyz0123456\"", "\"\\\"\"", "\"\\\\\"", "\"\\/\"",
        "\"\\b\\f\\n\\r\\t\"", "\"/\"", "\"\\u0000\"", "\"\\u0041\"", "\"\\uABCD\"", "\"\\uabcd\"",
        "\"\\uD83D\\uDE00\"",
        "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\ud800\"", "\"\\udc00\\ud800\"", "\"\\ud800x\"", "\"\\ud800\\n\"",
        "\"\\uFFFF\"", "\"\\uFFFE\"", "\"\\u0022\\u005c\"", "\"\u{7F}\"", "\"\u{80}\"", "\"\u{7FF}\"", "\"\u{800}\"",
        "\"\u{D7FF}\"", "\"\u{E000}\"", "\"\u{FFFD}\"", "\"\u{FFFF}\"", "\"\u{10000}\"", "\"\u{10FFFF}\"",
        "\"\u{FEFF}\"",
        "\"\u{2028}\u{2029}\"", "\"é\"", "\"漢字\"", "\"😀\"", "\"abcdefghijklmnoé\"", "\"<>&\"", "\"a\\\\\"",
        "\"\\\\\\\"\"", "\"abcdefghijklmno\\\\\"", "\"abcdefghijklmno\\n\"", "{\"é\":\"é\"}", "{\"\\u0061\":1}",
        "{\"abcdefg\":1}", "{\"abcdefgh\":1}", "{\"abcdefghi\":1}", "{\"abcdefghijklmnopqrstuvwxyz\":1}",
        "{\"abcd\\nefgh\":1}", "[1.0,2e5,-3]",
    ]

    static let refused: [String] = [
        "", " ", "\n", "n", "nul", "nulll", "nul l", "Null", "NULL", "t", "tru", "truee", "True", "f", "fals", "False",
        "NaN", "-NaN", "Infinity", "-Infinity", "inf", "undefined", "None", "-", "+", "+1", "--1", "-a", "- 1", "01",
        "-01", "00", "1.", "-1.", ".5", "-.5", "1.e5", "1e", "1e+", "1e-", "1E", "1ee5", "1e5.5", "1.2.3", "1e5e5",
        "0x10", "0b1", "1_000", "1,000", "1 2", "1a", "1.a", "0.1.", "0e", "0e+-1", "1e0x", "[", "]", "{", "}", "[1",
        "[1,", "[1,]", "[,]", "[,1]", "[1,,2]", "[1 2]", "[1;2]", "[}", "{]", "[1}", "[[1]", "[[]", "[]]", "[][]",
        "{}{}",
        "{}[]", "[1]x", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{,\"a\":1}", "{\"a\" 1}",
        "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\"=1}", "{a:1}", "{'a':1}", "{1:1}", "{null:1}",
        "{[]:1}", "{\"a\":}", "{\"a\",\"b\"}", "{\"a\":1]", "{\"a\":[}", "{\"a\":1}}", "{\"a\":1}x", "\"", "\"a", "a\"",
        "'a'", "\"a\"b", "\"a\"\"b\"", "\"\\\"", "\"\\", "\"\\a\"", "\"\\x41\"", "\"\\0\"", "\"\\'\"", "\"\\U0041\"",
        "\"\\ \"", "\"\\\u{E9}\"", "\"\\u\"", "\"\\u0\"", "\"\\u00\"", "\"\\u004\"", "\"\\u004g\"", "\"\\u00 1\"",
        "\"\\u-001\"", "\"\\u+041\"", "\"\\u0041", "\"\t\"", "\"\n\"", "\"\r\"", "\"\u{0}\"", "\"\u{1F}\"",
        "\"abcdefghijklmnop\u{1F}\"", "\"abcdefg\n\"", "{\"a\nb\":1}", "{\"abcdefgh\u{0}\":1}", "// comment\n1",
        "/* */1", "1/**/", "#1", "[1]//", "\u{FEFF}1", "\u{A0}1", "1\u{A0}", "\u{0}", "1\u{0}", "\u{B}1", "\u{C}1",
        "\u{2028}1", "(1)", "<1>", "*", "é", "[é]", "[\"a\",\n4\n,1,", "[1,\n1\n,1", "[\"\": 1]", "{\"x\"::\"b\"}",
        "{\"a\":/*x*/1}", "{\"id\":0,,,,,}", "[\"x\"", "[\"\"],", "{\"a\":\"b\",\"c\"}", "[\"a\\u00A\"]",
        "[1e\u{FF11}]",
        "[\u{FF11}]",
    ]

    /// Bytes that are not UTF-8, inside a string.
    static let notUTF8: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xC2, 0xC2], [0xDF], [0xE0, 0x80, 0x80],
        [0xE0, 0x9F, 0xBF], [0xE0, 0xA0], [0xE0, 0xA0, 0x41], [0xE1, 0x80], [0xE1, 0x41, 0x80], [0xED, 0xA0, 0x80],
        [0xED, 0xBF, 0xBF], [0xEF, 0xBF], [0xEF, 0xBF, 0xC0], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xF0, 0x90, 0x80], [0xF0, 0x90, 0x80, 0x41], [0xF1, 0x80, 0x41, 0x80], [0xF4, 0x90, 0x80, 0x80],
        [0xF5, 0x80, 0x80, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], [0xFE], [0xFF],
        [0xFF, 0xFE], [0xE9], [0xC3, 0xA9, 0xC3],
    ]

    static func accepts(_ text: [UInt8]) -> Bool {
        withExactBytes(text) { bytes in (try? JSONValue.scan(bytes)) != nil }
    }

    static func acceptsAsPayload(_ text: [UInt8]) -> Bool {
        let envelope = Array(#"{"id":"a","payload":"#.utf8) + text + Array(#","x":1}"#.utf8)
        return Scanned(envelope).error == nil
    }

    @Test("valid texts are accepted", arguments: accepted)
    func acceptsValid(_ text: String) {
        #expect(Self.accepts(Array(text.utf8)))
        #expect(Self.acceptsAsPayload(Array(text.utf8)))
    }

    @Test("texts that are not JSON are refused", arguments: refused)
    func refusesInvalid(_ text: String) {
        #expect(!Self.accepts(Array(text.utf8)))
        #expect(!Self.acceptsAsPayload(Array(text.utf8)))
    }

    @Test("strings that are not UTF-8 are refused, wherever the wrong bytes stand", arguments: notUTF8)
    func refusesInvalidUTF8(_ wrong: [UInt8]) {
        for position in 0...33 {
            let padding = [UInt8](repeating: UInt8(ascii: "x"), count: position)
            let text = [UInt8(ascii: "\"")] + padding + wrong + [UInt8(ascii: "\"")]
            #expect(!Self.accepts(text))
            #expect(!Self.accepts([UInt8(ascii: "\"")] + padding + wrong))
            #expect(!Self.acceptsAsPayload(text))
            #expect(!Self.accepts(Array("{".utf8) + text + Array(":1}".utf8)))
        }
        #expect(!Self.accepts(wrong))
    }

    @Test("every beginning of a valid text that is shorter is refused with the right offset")
    func refusesEveryTruncation() {
        let text =
            Array(
                #"{"id":"a\u00e9-é","route":{"actors":["p","q漢"],"current":-12,"metadata":{"k":[1.5e+10,true,null]}},"payload":"#
                    .utf8
            ) + Array(#"[{},[],"0123456789abcdefghij",false,0.25,{"long-member-name":"\n"}],"z":1 }"#.utf8)
        #expect(Scanned(text).error == nil)
        for count in 0..<text.count {
            let error = Scanned(Array(text[..<count])).error
            guard case .malformed(let fault) = error?.reason else {
                Issue.record("\(count) bytes were accepted")
                continue
            }
            // A character cut in half is not UTF-8; anything else is an early end.
            #expect(fault.kind == .unexpectedEnd || fault.kind == .invalidUTF8)
            #expect(fault.offset <= count)
            if fault.kind == .unexpectedEnd { #expect(fault.offset == count) }
        }
    }

    @Test(
        "faults name kind and offset",
        arguments: [
            ("{\"a\":1,}", JSONFault.Kind.unexpectedByte, 7), ("[1]x", .trailingByte, 3), ("[01]", .invalidNumber, 2),
            ("[1.]", .invalidNumber, 3), ("[-]", .invalidNumber, 2), ("[nulx]", .invalidLiteral, 4),
            ("[tr", .unexpectedEnd, 3), ("\"\\q\"", .invalidEscape, 2), ("\"\\u00g0\"", .invalidEscape, 5),
            ("\"a\nb\"", .controlCharacter, 2), ("[1,NaN]", .unexpectedByte, 3), ("", .unexpectedEnd, 0),
        ]
    )
    func namesFaults(text: String, kind: JSONFault.Kind, offset: Int) {
        #expect(throws: JSONFault.self) { try withExactBytes(text) { _ = try JSONValue.scan($0) } }
        do {
            try withExactBytes(text) { _ = try JSONValue.scan($0) }
        } catch let fault as JSONFault {
            #expect(fault.kind == kind)
            #expect(fault.offset == offset)
        } catch {
            Issue.record(error)
        }
    }

    @Test("nesting: 1000 levels are accepted, 10000 and more refused", arguments: [1, 63, 64, 65, 1000, 4095])
    func acceptsDeep(_ depth: Int) {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let inner = open == "[" ? "" : "1"
            let text = String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
            #expect(Self.accepts(Array(text.utf8)))
            #expect(Self.acceptsAsPayload(Array(text.utf8)))
        }
        let mixed = String(repeating: "[{\"a\":", count: depth / 2) + "0" + String(repeating: "}]", count: depth / 2)
        #expect(Self.accepts(Array(mixed.utf8)))
        // The outermost object closed as if it were an array.
        #expect(!Self.accepts(Array(mixed.utf8.dropLast(2)) + Array("]]".utf8)))
    }

    @Test("too deep nesting is refused without a crash", arguments: [4097, 9999, 10_000, 100_000, 3_000_000])
    func refusesDeep(_ depth: Int) {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
            #expect(!Self.accepts(Array(text.utf8)))
            #expect(!Self.acceptsAsPayload(Array(text.utf8)))
            #expect(!Self.accepts(Array(repeating: UInt8(ascii: open == "[" ? "[" : "{"), count: depth)))
        }
        let route = #"{"id":"a","route":{"actors":"# + String(repeating: "[", count: depth)
        guard case .malformed(let fault) = Scanned(route).error?.reason else {
            Issue.record("accepted")
            return
        }
        #expect(fault.kind == .tooDeep)
    }
}
