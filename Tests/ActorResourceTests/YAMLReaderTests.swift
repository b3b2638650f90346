import Support
import Testing

@testable import ActorResource

@Suite struct YAMLReaderTests {
    private func json(_ text: String) throws -> [JSONValue] {
        let (documents, fault) = YAMLReader.read(text, file: "f.yaml")
        if let fault { throw fault }
        return documents.map(\.json)
    }

    @Test(
        "plain scalars mean what they mean to kubectl",
        arguments: [
            ("1", .number(1)), ("-7", .number(-7)), ("+7", .number(7)), ("1_000", .number(1000)), ("0x1F", .number(31)),
            ("0o17", .number(15)), ("017", .number(15)), ("0b11", .number(3)), ("1.5", .number(1.5)),
            (".5", .number(0.5)), ("5.", .number(5)), ("1e3", .number(1000)), ("0", .number(0)),
            ("true", .bool(true)), ("Yes", .bool(true)), ("on", .bool(true)), ("y", .bool(true)), ("no", .bool(false)),
            ("OFF", .bool(false)), ("~", .null), ("null", .null), ("\"yes\"", .string("yes")), ("'1'", .string("1")),
            ("1.2.3", .string("1.2.3")), ("09", .number(9)), ("0x", .string("0x")), ("0x-1", .string("0x-1")),
            ("-", .array([.null])), ("2026-01-02", .string("2026-01-02")), ("5m", .string("5m")),
            ("!!str 5", .string("5")), ("!!int 5", .number(5)), ("!!float 5", .number(5)), ("! 5", .string("5")),
            ("|\n  a\n  b\n", .string("a\nb\n")), ("1e999", .string("1e999")), ("tYpe", .string("tYpe")),
        ] as [(String, JSONValue)]
    )
    func scalars(text: String, value: JSONValue) throws {
        #expect(try self.json(text) == [value])
    }

    @Test("a scalar keeps the text it was written with")
    func text() {
        let (documents, _) = YAMLReader.read("a: 1.50\nb: yes\n", file: "f")
        #expect(documents[0]["a"]?.text == "1.50")
        #expect(documents[0]["b"]?.text == "yes")
    }

    @Test("documents, lists and mappings are read in order, JSON too")
    func collections() throws {
        #expect(try self.json("") == [])
        #expect(try self.json("---\n---\n") == [.null, .null])
        #expect(
            try self.json("a: [1, {b: c}]\n---\n- x\n") == [
                .object(["a": .array([.number(1), .object(["b": .string("c")])])]), .array([.string("x")]),
            ]
        )
        #expect(
            try self.json(#"{"a": ["b", null, true]}"#) == [
                .object(["a": .array([.string("b"), .null, .bool(true)])])
            ]
        )
    }

    @Test("anchors are repeated by aliases and merged by <<, where what is written wins")
    func anchors() throws {
        let text = """
            base: &base {a: 1, b: 2}
            same: *base
            more:
              <<: *base
              b: 3
            both: {<<: [{a: 5}, *base], c: 6}
            """
        let one = JSONValue.object(["a": .number(1), "b": .number(2)])
        #expect(
            try self.json(text) == [
                .object([
                    "base": one, "same": one, "more": .object(["a": .number(1), "b": .number(3)]),
                    "both": .object(["a": .number(5), "b": .number(2), "c": .number(6)]),
                ])
            ]
        )
    }

    @Test("values and keys know their line and column")
    func positions() {
        let (documents, _) = YAMLReader.read("# c\na:\n  - b: 1\n    ä: {x: y}\n", file: "f.yaml")
        let node = documents[0]
        #expect("\(node.position(of: "a")!)" == "f.yaml:2:1")
        let element = FieldPath("a").element(0)
        #expect("\(node.position(of: element)!)" == "f.yaml:3:5")
        #expect("\(node.position(of: element.member("ä").member("x"))!)" == "f.yaml:4:9")
        #expect("\(node.position(of: element.member("ä").member("absent"))!)" == "f.yaml:4:5")
        #expect("\(node.position(of: FieldPath("a").element(7))!)" == "f.yaml:2:1")
    }

    @Test(
        "faults name rule and place",
        arguments: [
            ("a: [1", .syntax, 2, 1), ("a: b: c", .syntax, 1, 5), ("a: 1\nb: 2\na: 3", .duplicateKey, 3, 1),
            ("a: *x", .syntax, 1, 4), ("? [a]\n: b", .syntax, 1, 3), ("<<: 5", .syntax, 1, 1),
            ("<<: [5]", .syntax, 1, 1), ("a: !!int x", .syntax, 1, 4), ("a: !mine x", .syntax, 1, 4),
            ("a: \u{1}", .syntax, 1, 4), ("\ta: 1", .syntax, 1, 1),
        ] as [(String, ActorRule, Int, Int)]
    )
    func faults(text: String, rule: ActorRule, line: Int, column: Int) {
        let fault = YAMLReader.read(text, file: "f").fault
        #expect(fault?.rule == rule)
        #expect(fault?.position == SourcePosition(file: "f", line: line, column: column), "\(fault?.message ?? "")")
    }

    @Test("documents before a fault are handed out")
    func partial() {
        let (documents, fault) = YAMLReader.read("a: 1\n---\nb: [\n", file: "f")
        #expect(documents.map(\.json) == [.object(["a": .number(1)])])
        #expect(fault?.rule == .syntax)
    }

    @Test("size, nesting, number of documents and of values are bounded, also through aliases")
    func limits() {
        func rule(_ text: String) -> ActorRule? { YAMLReader.read(text, file: "f").fault?.rule }
        #expect(rule(String(repeating: "x", count: YAMLReader.byteLimit + 1)) == .limit)
        let deep = YAMLReader.depthLimit
        #expect(rule(String(repeating: "[", count: deep) + String(repeating: "]", count: deep)) == nil)
        #expect(rule(String(repeating: "[", count: deep + 1) + String(repeating: "]", count: deep + 1)) == .limit)
        #expect(rule(String(repeating: "[", count: 500_000)) == .limit)
        #expect(rule(String(repeating: "- ", count: 100_000)) == .limit)
        #expect(rule(String(repeating: "---\n", count: YAMLReader.documentLimit + 1)) == .limit)
        #expect(rule("[" + String(repeating: "1,", count: YAMLReader.nodeLimit) + "1]") == .limit)
        var laughs = "a0: &a0 [x, x]\n"
        for level in 1...25 { laughs += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(rule(laughs) == .limit)
        var chain = "a0: &a0 [x]\n"
        for level in 1...40 { chain += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(rule(chain) == .limit)
    }

    @Test("an alias inside of its own anchor is a fault, not an endless loop")
    func recursion() {
        #expect(YAMLReader.read("a: &a [*a]", file: "f").fault?.rule == .syntax)
    }

    @Test("no input crashes the reader: every prefix and every changed byte of a manifest")
    func robustness() {
        let text = Array("a: &x [1, 'b', {c: *x}]\n---\n<<: {d: |\n  e\n}\n? k\n: !!str v\n".utf8)
        for count in 0...text.count {
            _ = YAMLReader.read(String(decoding: text[..<count], as: UTF8.self), file: "f")
        }
        for index in text.indices {
            for byte in [UInt8(0), 9, 10, 0x20, 0x22, 0x23, 0x26, 0x2A, 0x5B, 0x7B, 0x7D, 0xFF] {
                var changed = text
                changed[index] = byte
                _ = YAMLReader.read(String(decoding: changed, as: UTF8.self), file: "f")
            }
        }
    }
}
