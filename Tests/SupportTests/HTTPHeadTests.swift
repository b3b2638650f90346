import Support
import Testing

@Suite struct HTTPHeadTests {
    private func head(_ text: String) -> HTTPHead? {
        Array(text.utf8).withUnsafeBytes { HTTPHead($0) }
    }

    @Test("fields are found without regard to case, and lists are split")
    func fields() throws {
        let head = try #require(
            self.head("GET / HTTP/1.1\r\nHost:  a \t\r\nConnection: Keep-Alive, X\r\nconnection: y\r\nE:\r\n\r\n")
        )
        #expect(head.startLine == "GET / HTTP/1.1")
        #expect(head.values(of: "host") == ["a"])
        #expect(head.elements(of: "connection") == ["keep-alive", "x", "y"])
        #expect(head.values(of: "e") == [""])
        #expect(!head.has("accept"))
    }

    @Test(
        "malformed heads are refused",
        arguments: [
            "\r\n\r\n", "X\r\n: a\r\n\r\n", "X\r\nA b: c\r\n\r\n", "X\r\n A: c\r\n\r\n", "X\r\nA : c\r\n\r\n",
            "X\r\nA\r\n\r\n",
            "X\r\nA: \u{1}\r\n\r\n", "X\u{0}\r\n\r\n", "X\r\nA: b\rc\r\n\r\n",
        ]
    )
    func malformed(text: String) {
        #expect(self.head(text) == nil)
    }

    @Test(
        "the end is found wherever the bytes are split",
        arguments: ["a\r\nb: c\r\n\r\nrest", "a\nb: c\n\nrest", "a\r\n\r\n"]
    )
    func end(text: String) {
        let bytes = Array(text.utf8)
        let whole = bytes.count - (text.hasSuffix("rest") ? 4 : 0)
        for split in 0...bytes.count {
            var searched = 0
            let early = bytes.withUnsafeBytes { HTTPHead.end(in: .init(rebasing: $0[..<split]), searched: &searched) }
            #expect(early == (split >= whole ? whole : nil))
            if early == nil {
                #expect(bytes.withUnsafeBytes { HTTPHead.end(in: $0, searched: &searched) } == whole)
            }
        }
    }

    @Test("the number of fields is bounded")
    func limit() {
        #expect(self.head("X\r\n" + String(repeating: "a: b\r\n", count: 128) + "\r\n") != nil)
        #expect(self.head("X\r\n" + String(repeating: "a: b\r\n", count: 129) + "\r\n") == nil)
    }
}
