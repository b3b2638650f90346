import SeededRandom
import Testing

@testable import Support

@Suite struct JSONWriterTests {
    @Test("members and elements are separated by commas, nested too")
    func document() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("a")
        writer.integer(1)
        writer.name("b")
        writer.beginArray()
        writer.bool(true)
        writer.null()
        writer.beginObject()
        writer.endObject()
        writer.number(0.5)
        writer.endArray()
        writer.name("c")
        writer.raw("{\"x\":1}")
        writer.endObject()
        #expect(writer.text == #"{"a":1,"b":[true,null,{},0.5],"c":{"x":1}}"#)
    }

    @Test(
        "strings carry exactly the escapes JSON demands",
        arguments: [
            ("", #""""#), ("a\"b\\c", #""a\"b\\c""#), ("\n\r\t\u{8}\u{C}", #""\n\r\t\b\f""#),
            ("\u{0}\u{1F}", #""\u0000\u001f""#), ("</é😀\u{7F}", "\"</é😀\u{7F}\""),
        ]
    )
    func strings(value: String, json: String) throws {
        var writer = JSONWriter()
        writer.string(value)
        #expect(writer.text == json)
        #expect(try JSONValue(parsing: json) == .string(value))
    }
}

@Suite struct JSONValueTests {
    @Test(
        "documents are read",
        arguments: [
            ("null", .null), (" true ", .bool(true)), ("false", .bool(false)), ("-0.5e2", .number(-50)),
            ("[]", .array([])), ("[1,[2]]", .array([.number(1), .array([.number(2)])])), ("{}", .object([:])),
            (#"{"a":1,"a":2}"#, .object(["a": .number(2)])), (#""\u00e9\ud83d\ude00\/""#, .string("é😀/")),
            (#""\ud800x\udc00""#, .string("\u{FFFD}x\u{FFFD}")),
            (#""\ud800\ud800\udc00""#, .string("\u{FFFD}\u{10000}")),
            ("{\"keepalive\":true,\"ahead\":4}", .object(["keepalive": .bool(true), "ahead": .number(4)])),
        ] as [(String, JSONValue)]
    )
    func read(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    @Test(
        "anything else is refused with its place",
        arguments: [
            ("", .unexpectedEnd, 0), ("nul", .unexpectedEnd, 3), ("nulL", .unexpectedCharacter, 3),
            ("1 2", .trailingCharacters, 2), ("[1,]", .unexpectedCharacter, 3), ("[1", .unexpectedEnd, 2),
            ("{\"a\"}", .unexpectedCharacter, 4), ("{\"a\":1,}", .unexpectedCharacter, 7),
            ("{a:1}", .unexpectedCharacter, 1),
            ("01", .trailingCharacters, 1), ("-", .invalidNumber, 1), ("1.", .invalidNumber, 2),
            ("1e", .invalidNumber, 2),
            ("1e999", .invalidNumber, 0), ("\"a", .unexpectedEnd, 2), ("\"\n\"", .invalidString, 1),
            (#""\x""#, .invalidString, 2), (#""\u12g4""#, .invalidString, 5), ("+1", .unexpectedCharacter, 0),
            ("NaN", .unexpectedCharacter, 0),
        ] as [(String, JSONParseError.Reason, Int)]
    )
    func refused(text: String, reason: JSONParseError.Reason, offset: Int) {
        #expect(throws: JSONParseError(reason: reason, offset: offset)) { try JSONValue(parsing: text) }
    }

    @Test("depth and length are bounded")
    func limits() throws {
        let deepest = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        _ = try JSONValue(parsing: deepest)
        #expect(throws: JSONParseError.self) { try JSONValue(parsing: "[" + deepest + "]") }
        let long = "\"" + String(repeating: "x", count: JSONValue.defaultByteLimit) + "\""
        #expect(throws: JSONParseError.self) { try JSONValue(parsing: long) }
        _ = try JSONValue(parsing: long, byteLimit: 100_000)
    }

    @Test("what is too deep is read as empty where that was asked for, however deep it is")
    func emptied() throws {
        func read(_ text: String) throws -> JSONValue { try JSONValue(parsing: text, tooDeep: .empty) }
        let outer = (String(repeating: "[", count: 31), String(repeating: "]", count: 31))
        let deepest = try read(outer.0 + "[]" + outer.1)
        #expect(deepest.depth == JSONValue.depthLimit)
        for content in ["[1]", "[ {\"]\": \"\\\"]\"}, [] ]", "[\(outer.0)\(outer.1)]"] {
            #expect(try read(outer.0 + content + outer.1) == deepest)
        }
        #expect(try read(outer.0 + #"{"a":{}}"# + outer.1).depth == JSONValue.depthLimit)
        let levels = 5000
        let rest = String(repeating: #"{"x":["#, count: levels) + String(repeating: "]}", count: levels)
        let members = try read(#"{"deep":\#(rest),"after":1}"#).members
        #expect(members?["deep"]?.depth == JSONValue.depthLimit - 1 && members?["after"] == .number(1))
        let document = outer.0 + "[[\"]\"]]" + outer.1
        for count in 0..<document.count {
            #expect(throws: JSONParseError.self) { try read(String(document.prefix(count))) }
        }
    }

    @Test("random bytes never crash the parser, and every prefix of a document is refused")
    func garbage() throws {
        var generator = SeededRandom(seed: 11)
        let alphabet = Array("{}[]\",:\\u0123456789abcdefnrtlse.-+ ")
        for _ in 0..<20_000 {
            let text = String((0..<Int(generator.next() % 24)).map { _ in alphabet[Int(generator.next() % 35)] })
            // Only that it returns.
            _ = try? JSONValue(parsing: text)
            _ = try? JSONValue(parsing: String(repeating: "[", count: 31) + text, tooDeep: .empty)
        }
        let document = #"{"a":[1,-2.5e3,"x\u00e9\n",true,false,null,{"b":{}}]}"#
        _ = try JSONValue(parsing: document)
        for count in 0..<document.count {
            #expect(throws: JSONParseError.self) { try JSONValue(parsing: String(document.prefix(count))) }
        }
    }

    @Test("typed access answers nil for other types")
    func access() throws {
        let value = try JSONValue(parsing: #"{"i":3,"f":2.5,"s":"x","a":[1]}"#)
        let members = try #require(value.members)
        #expect(members["i"]?.integer == 3)
        #expect(members["f"]?.integer == nil)
        #expect(members["f"]?.number == 2.5)
        #expect(members["s"]?.string == "x")
        #expect(members["a"]?.elements == [.number(1)])
        #expect(members["s"]?.members == nil)
    }
}
