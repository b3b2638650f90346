import Testing

@testable import ActorResource

@Suite struct YAMLTextTests {
    @Test("block style in order, and quotes where a text would read back as something else")
    func document() throws {
        let tree = YAMLText.sequence([
            .mapping([
                ("name", .string("a")), ("yes", .string("yes")), ("number", .plain("1.50")), ("text", .string("1.50")),
                ("empty", .string("")), ("none", .mapping([])), ("list", .sequence([])), ("colon", .string("a: b")),
                ("umlaut", .string("grün")),
            ])
        ])
        #expect(
            tree.document == """
                - name: a
                  'yes': 'yes'
                  number: 1.50
                  text: '1.50'
                  empty: ''
                  none: {}
                  list: []
                  colon: 'a: b'
                  umlaut: grün

                """
        )
    }

    @Test(
        "what is written reads back as the same",
        arguments: ["", "~", "on", "0x1F", "- a", "#", "a\nb", "\u{7F}", "日本"]
    )
    func roundTrip(text: String) throws {
        let document = try #require(YAMLText.mapping([("k", .string(text))]).document)
        let (nodes, fault) = YAMLReader.read(document, file: "f")
        #expect(fault == nil)
        #expect(nodes.first?["k"]?.string == text || text.isEmpty && nodes.first?.members?.first?.node.string == "")
    }
}
