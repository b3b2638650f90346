import MCP
import Testing

@Suite struct SchemaTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var schema: String
        var valid: [String]
        var invalid: [String]
        var testDescription: String { self.schema }
    }

    static let cases: [Case] = [
        Case(schema: "true", valid: ["null", "1", "{}"], invalid: []),
        Case(schema: "false", valid: [], invalid: ["null", "{}"]),
        Case(schema: "{}", valid: ["null", "[]", "1.5"], invalid: []),
        Case(schema: #"{"type":"null"}"#, valid: ["null"], invalid: ["0", "false", #""""#]),
        Case(schema: #"{"type":"boolean"}"#, valid: ["true"], invalid: ["null", "1", #""true""#]),
        Case(schema: #"{"type":"string"}"#, valid: [#""""#, #""x""#], invalid: ["1", "null", "[]"]),
        Case(schema: #"{"type":"integer"}"#, valid: ["1", "-3", "42.0", "1e2"], invalid: ["1.5", #""5""#, "true"]),
        Case(schema: #"{"type":"number"}"#, valid: ["1", "1.5"], invalid: [#""1""#]),
        Case(schema: #"{"type":"array"}"#, valid: ["[]", "[1]"], invalid: ["{}", "null"]),
        Case(schema: #"{"type":"object"}"#, valid: ["{}"], invalid: ["[]", #""{}""#]),
        Case(schema: #"{"type":["string","null"]}"#, valid: ["null", #""x""#], invalid: ["1"]),
        Case(
            schema: #"{"enum":["a",1,null,{"x":[1]}]}"#,
            valid: [#""a""#, "1.0", "null", #"{"x":[1]}"#],
            invalid: ["2"]
        ),
        Case(schema: #"{"const":{"a":1,"b":2}}"#, valid: [#"{"b":2,"a":1.0}"#], invalid: [#"{"a":1}"#, "1"]),
        Case(schema: #"{"minimum":1,"maximum":3}"#, valid: ["1", "3", #""x""#], invalid: ["0.9", "3.1"]),
        Case(schema: #"{"exclusiveMinimum":1,"exclusiveMaximum":3}"#, valid: ["2"], invalid: ["1", "3"]),
        Case(schema: #"{"multipleOf":0.1}"#, valid: ["0.3", "7"], invalid: ["0.25"]),
        Case(schema: #"{"minLength":1,"maxLength":2}"#, valid: [#""é🌍""#, "[]"], invalid: [#""""#, #""abc""#]),
        Case(schema: #"{"minItems":1,"maxItems":2}"#, valid: ["[1]", "[1,2]"], invalid: ["[]", "[1,2,3]"]),
        Case(schema: #"{"uniqueItems":true}"#, valid: ["[1,2]", #"[1,"1"]"#], invalid: ["[1,1.0]", "[{},{}]"]),
        Case(schema: #"{"items":{"type":"integer"}}"#, valid: ["[]", "[1]"], invalid: [#"[1,"2"]"#]),
        Case(
            schema: #"{"prefixItems":[{"type":"string"}],"items":false}"#,
            valid: ["[]", #"["a"]"#],
            invalid: ["[1]", #"["a",2]"#]
        ),
        Case(schema: #"{"contains":{"const":1}}"#, valid: ["[2,1]"], invalid: ["[]", "[2]"]),
        Case(
            schema: #"{"contains":{"const":1},"minContains":0,"maxContains":1}"#,
            valid: ["[]", "[1]"],
            invalid: ["[1,1]"]
        ),
        Case(
            schema: #"{"properties":{"a":{"type":"integer"}},"required":["a"]}"#,
            valid: [#"{"a":1}"#, #"{"a":1,"b":2}"#, "[]"],
            invalid: ["{}", #"{"a":"1"}"#]
        ),
        Case(
            schema: #"{"properties":{"a":true},"additionalProperties":false}"#,
            valid: [#"{"a":1}"#],
            invalid: [#"{"b":1}"#]
        ),
        Case(
            schema: #"{"additionalProperties":{"type":"string"}}"#,
            valid: [#"{"x":"y"}"#],
            invalid: [#"{"x":1}"#]
        ),
        Case(
            schema: #"{"minProperties":1,"maxProperties":1}"#,
            valid: [#"{"a":1}"#],
            invalid: ["{}", #"{"a":1,"b":2}"#]
        ),
        Case(schema: #"{"propertyNames":{"maxLength":1}}"#, valid: [#"{"a":1}"#], invalid: [#"{"ab":1}"#]),
        Case(
            schema: #"{"dependentRequired":{"a":["b"]}}"#,
            valid: ["{}", #"{"b":1}"#, #"{"a":1,"b":1}"#],
            invalid: [#"{"a":1}"#]
        ),
        Case(
            schema: #"{"dependentSchemas":{"a":{"required":["b"]}}}"#,
            valid: ["{}", #"{"a":1,"b":1}"#],
            invalid: [#"{"a":1}"#]
        ),
        Case(schema: #"{"allOf":[{"minimum":1},{"maximum":2}]}"#, valid: ["1"], invalid: ["0", "3"]),
        Case(schema: #"{"anyOf":[{"type":"string"},{"minimum":5}]}"#, valid: [#""a""#, "5"], invalid: ["4"]),
        Case(schema: #"{"oneOf":[{"minimum":1},{"maximum":3}]}"#, valid: ["0", "4"], invalid: ["2"]),
        Case(schema: #"{"not":{"type":"string"}}"#, valid: ["1"], invalid: [#""a""#]),
        Case(
            schema: #"{"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":2}}"#,
            valid: [#""ab""#, "2"],
            invalid: [#""a""#, "1"]
        ),
        Case(schema: #"{"if":false,"else":{"const":1}}"#, valid: ["1"], invalid: ["2"]),
        Case(
            schema: ##"{"$defs":{"a~b/c":{"type":"string"}},"$ref":"#/$defs/a~0b~1c"}"##,
            valid: [#""x""#],
            invalid: ["1"]
        ),
        Case(
            schema: ##"{"properties":{"next":{"$ref":"#"}},"additionalProperties":false}"##,
            valid: ["{}", #"{"next":{"next":{}}}"#],
            invalid: [#"{"next":{"x":1}}"#]
        ),
        Case(schema: #"{"format":"email","title":"x","default":1}"#, valid: [#""no mail""#], invalid: []),
    ]

    @Test(arguments: cases) func validAndInvalidInstances(of entry: Case) throws {
        let schema = try Schema(JSONTree(parsing: entry.schema))
        for text in entry.valid {
            #expect(schema.violations(in: try JSONTree(parsing: text)).isEmpty, "\(text) is valid")
        }
        for text in entry.invalid {
            #expect(!schema.violations(in: try JSONTree(parsing: text)).isEmpty, "\(text) is invalid")
        }
    }

    @Test(arguments: [
        (#"{"type":"text"}"#, "/type"), (#"{"type":[]}"#, "/type"), (#"{"type":3}"#, "/type"),
        (#"{"enum":[]}"#, "/enum"), (#"{"minimum":"1"}"#, "/minimum"), (#"{"multipleOf":0}"#, "/multipleOf"),
        (#"{"minLength":-1}"#, "/minLength"), (#"{"uniqueItems":1}"#, "/uniqueItems"), (#"{"items":3}"#, "/items"),
        (#"{"items":[{}]}"#, "/items"), (#"{"required":[1]}"#, "/required"), (#"{"properties":[]}"#, "/properties"),
        (#"{"properties":{"a/b":{"type":"x"}}}"#, "/properties/a~1b/type"), (#"{"pattern":"^a"}"#, "/pattern"),
        (#"{"patternProperties":{}}"#, "/patternProperties"), (#"{"$ref":"http://x/y"}"#, "/$ref"),
        (##"{"$ref":"#/nowhere"}"##, "/$ref"), (#"{"unevaluatedProperties":false}"#, "/unevaluatedProperties"),
        (#"{"$schema":"http://json-schema.org/draft-07/schema#"}"#, "/$schema"), (#"{"allOf":[]}"#, "/allOf"),
        ("3", ""), (#"{"if":3}"#, "/if"), (#"{"dependentRequired":{"a":1}}"#, "/dependentRequired/a"),
    ])
    func aSchemaThatCannotBeEnforcedIsRefusedWithItsPlace(text: String, pointer: String) throws {
        let document = try JSONTree(parsing: text)
        let error = try #require(throws: SchemaError.self) { try Schema(document) }
        #expect(error.pointer == pointer)
    }

    @Test func violationsNameThePlace() throws {
        let schema = try Schema(
            JSONTree(parsing: #"{"properties":{"a":{"items":{"type":"integer"}}},"required":["b"]}"#)
        )
        let found = schema.violations(in: try JSONTree(parsing: #"{"a":[1,"2"]}"#))
        #expect(found.map(\.pointer) == ["/b", "/a/1"])
        #expect(found.map(\.description) == ["/b: is required", "/a/1: expected integer, got string"])
    }

    @Test func noMoreViolationsThanAskedFor() throws {
        let schema = try Schema(JSONTree(parsing: #"{"items":false}"#))
        #expect(schema.violations(in: .array(Array(repeating: 1, count: 50)), limit: 3).count == 3)
    }

    @Test func aSchemaThatRefersToItselfForEverEnds() throws {
        let schema = try Schema(JSONTree(parsing: ##"{"$ref":"#"}"##))
        #expect(schema.violations(in: 1).map(\.reason) == ["too much work to check"])
    }

    @Test func aCheckThatWouldTakeTooLongEnds() throws {
        var text = #"{"type":"integer"}"#
        for _ in 0..<20 { text = #"{"anyOf":[\#(text),{"type":"null"}]}"# }
        text = #"{"uniqueItems":true,"items":\#(text)}"#
        let schema = try Schema(JSONTree(parsing: text))
        let many = JSONTree.array((0..<60_000).map { JSONTree.string(String($0)) })
        #expect(schema.violations(in: many).map(\.reason) == ["too much work to check"])
    }

    @Test func aSchemaThatIsTooLargeIsRefused() throws {
        let properties = (0..<3000).map { ("p\($0)", JSONTree.bool(true)) }
        let document = JSONTree.object(JSONObject([("properties", .object(JSONObject(properties)))]))
        #expect(throws: SchemaError.self) { try Schema(document) }
        var deep: JSONTree = true
        for _ in 0..<60 { deep = ["not": deep] }
        #expect(throws: SchemaError.self) { try Schema(deep) }
    }
}
