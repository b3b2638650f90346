import Envelope
import Testing

@Suite("StringToken")
struct StringTokenTests {
    static let decoded: [(String, String)] = [
        (#""""#, ""), (#""a""#, "a"), (#""\u0061""#, "a"), (#""a\nb""#, "a\nb"),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
        (#""é漢😀""#, "é漢😀"), (#""\u00e9\u6f22\uD83D\uDE00""#, "é漢😀"), (#""\u0000""#, "\0"), (#""\ud800""#, "\u{FFFD}"),
        (#""\udc00""#, "\u{FFFD}"), (#""\ud800x""#, "\u{FFFD}x"), (#""\ud800\u0041""#, "\u{FFFD}A"),
        (#""\ud800\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud800\n""#, "\u{FFFD}\n"), (#""x\ud83d""#, "x\u{FFFD}"),
        (#""\uFFFF""#, "\u{FFFF}"), (#""plain \u0041 plain""#, "plain A plain"), (#""\u07ff\u0800""#, "\u{7FF}\u{800}"),
    ]

    @Test("strings are decoded and compared", arguments: decoded)
    func decodes(text: String, expected: String) throws {
        try withExactBytes(text) { bytes in
            let token = try #require(try JSONValue.scan(bytes).string)
            #expect(token.string(in: bytes) == expected)
            #expect(token.isEmpty == expected.isEmpty)
            #expect(token.decodedByteCount(in: bytes) == expected.utf8.count)
            var output: [UInt8] = [7]
            token.appendDecoded(in: bytes, to: &output)
            #expect(output == [7] + Array(expected.utf8))
            #expect(token.equals(expected, in: bytes))
            #expect(!token.equals(expected + "x", in: bytes))
            #expect(!token.equals("x" + expected, in: bytes))
            if !expected.isEmpty { #expect(!token.equals(String(expected.unicodeScalars.dropLast()), in: bytes)) }
            withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { buffer in
                #expect(token.decode(in: bytes, into: buffer) == expected.utf8.count)
            }
        }
    }

    @Test("bytes that are not UTF-8 are decoded as U+FFFD")
    func replacesInvalidUTF8() {
        let scanned = Scanned(Array(#"{"id":"a"#.utf8) + [0xC3, 0x28, 0xFF] + Array(#"\n"}"#.utf8))
        #expect(scanned.string(scanned.view.idToken) == "a\u{FFFD}(\u{FFFD}\n")
    }

    @Test("values are walked through")
    func walks() throws {
        try withExactBytes(#" [{"name":"x","value":1.5,"labels":{"m":"a","n":[]}}, null, true] "#) { bytes in
            let array = try JSONValue.scan(bytes)
            let elements = Array(try #require(array.elements(in: bytes)))
            #expect(elements.map(\.kind) == [.object, .null, .bool(true)])
            let members = Array(try #require(elements[0].members(in: bytes)))
            #expect(members.map { $0.name.string(in: bytes) } == ["name", "value", "labels"])
            #expect(members[1].value.double(in: bytes) == 1.5)
            #expect(members[0].value.double(in: bytes) == nil)
            #expect(members[0].value.string?.string(in: bytes) == "x")
            #expect(elements[1].members(in: bytes) == nil)
            #expect(elements[0].elements(in: bytes) == nil)
            let labels = try #require(JSONValue.scanned(members[2].value.range, in: bytes))
            #expect(Array(try #require(labels.members(in: bytes))).count == 2)
            #expect(JSONValue.scanned(0..<bytes.count + 1, in: bytes) == nil)
            #expect(JSONValue.scanned(2..<5, in: bytes) == nil)
        }
    }
}
