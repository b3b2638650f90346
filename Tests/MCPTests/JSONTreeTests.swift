import MCP
import Testing

@Suite struct JSONTreeTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-1.50e+3", "12345678901234567890", #""""#, #""Grüße 🌍""#, "[]", "{}",
        #"{"z":1,"a":[{"b":null}]}"#,
    ])
    func textSurvivesParsingAndWriting(text: String) throws {
        #expect(try JSONTree(parsing: text).text == text)
    }

    @Test(arguments: ["", " ", "nul", "[1,]", #"{"a"}"#, "01", "1 2", "\"\u{1}\"", "{'a':1}"])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: JSONTreeError.malformed) { try JSONTree(parsing: text) }
    }

    @Test func bytesThatAreNoUTF8AreRefused() {
        #expect(throws: JSONTreeError.malformed) { try JSONTree(parsing: [0x22, 0xFF, 0x22]) }
    }

    @Test func depthAndNumberOfValuesAreBounded() {
        var limits = JSONTree.Limits()
        limits.depth = 3
        limits.values = 10
        let deep = Array("[[[[1]]]]".utf8)
        #expect(throws: JSONTreeError.tooLarge("nested more than 3 levels deep")) {
            try JSONTree(parsing: deep, limits: limits)
        }
        let many = Array("[1,2,3,4,5,6,7,8,9,10]".utf8)
        #expect(throws: JSONTreeError.tooLarge("more than 10 values")) { try JSONTree(parsing: many, limits: limits) }
    }

    @Test func ofEqualNamesTheLastOneCounts() throws {
        let tree = try JSONTree(parsing: #"{"a":1,"b":2,"a":3}"#)
        #expect(tree.text == #"{"a":3,"b":2}"#)
        #expect(tree["a"] == 3)
    }

    @Test(arguments: [
        ("1", "1.0", true), ("1e2", "100", true), ("9007199254740993", "9007199254740992", false),
        ("0.1", "0.10", true), ("1", "2", false), ("12345678901234567890", "12345678901234567890", true),
    ])
    func numbersCompareByValue(left: String, right: String, isEqual: Bool) throws {
        #expect((try JSONTree(parsing: left) == JSONTree(parsing: right)) == isEqual)
    }

    @Test func objectsCompareWithoutOrder() throws {
        #expect(try JSONTree(parsing: #"{"a":1,"b":2}"#) == JSONTree(parsing: #"{"b":2,"a":1}"#))
        #expect(try JSONTree(parsing: #"{"a":1}"#) != JSONTree(parsing: #"{"a":1,"b":2}"#))
    }
}
