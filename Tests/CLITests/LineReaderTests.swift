import Testing

@testable import CLI

@Suite struct LineReaderTests {
    @Test("lines are the same wherever the bytes are split")
    func split() throws {
        let text = Array("one\n\ntwo\r\nthree".utf8)
        for cut in 0...text.count {
            var reader = LineReader(byteLimit: 10)
            var lines = try reader.lines(adding: Array(text[..<cut]))
            lines += try reader.lines(adding: Array(text[cut...]))
            let last = reader.finish()
            #expect(lines == [Array("one".utf8), [], Array("two\r".utf8)])
            #expect(last == Array("three".utf8))
            #expect(reader.finish() == nil)
        }
    }

    @Test("a line beyond the limit is refused once and left out; the next ones are read")
    func limit() throws {
        var reader = LineReader(byteLimit: 4)
        #expect(throws: LineReader.TooLong(byteLimit: 4)) { try reader.lines(adding: Array("12345".utf8)) }
        #expect(try reader.lines(adding: Array("6789".utf8)) == [])
        #expect(try reader.lines(adding: Array("0\nab\n".utf8)) == [Array("ab".utf8)])
        #expect(try reader.lines(adding: Array("1234\n".utf8)) == [Array("1234".utf8)])
    }
}

@Suite struct PayloadSourceTests {
    @Test("a payload is text, @file or -")
    func kinds() {
        #expect(PayloadSource("-") == .standardInput)
        #expect(PayloadSource("@a b") == .file("a b"))
        #expect(PayloadSource("-5") == .text("-5"))
        #expect(PayloadSource("{}") == .text("{}"))
    }

    @Test("lines of a text are numbered, empty ones left out")
    func lines() throws {
        let lines = try PayloadSource("1\n\n \t\r\n2\n3").lines()
        var read: [PayloadLines.Line] = []
        while let line = try lines.next() { read.append(line) }
        #expect(read.map(\.number) == [1, 4, 5])
        #expect(read.map { String(decoding: $0.bytes, as: UTF8.self) } == ["1", "2", "3"])
    }
}
