import SeededRandom
import Testing

@testable import AMQP

@Suite struct FrameDecoderTests {
    private let decoder = FrameDecoder(maximumFrameByteCount: 4096)

    private func scan(_ bytes: [UInt8]) throws(AMQPError) -> FrameDecoder.Scan {
        try self.scan(bytes[...])
    }

    private func scan(_ bytes: ArraySlice<UInt8>) throws(AMQPError) -> FrameDecoder.Scan {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(AMQPError) in try self.decoder.scan(buffer) }
        }
        return try result.get()
    }

    @Test("a whole frame is found, whatever follows it")
    func wholeFrame() throws {
        let frame = WireBytes.frame(1, channel: 0x0102, [1, 2, 3])
        let expected = FrameDecoder.Scan.frame(Frame(kind: .method, channel: 0x0102, payloadByteCount: 3))
        #expect(try self.scan(frame) == expected)
        #expect(try self.scan(frame + [9, 9, 9]) == expected)
    }

    @Test("a frame cut at any byte is incomplete, and its size is known as soon as its header is")
    func split() throws {
        let frame = WireBytes.frame(3, [UInt8](repeating: 7, count: 20))
        for count in 0..<frame.count {
            let scan = try self.scan(frame[..<count])
            #expect(scan == .incomplete(expectedByteCount: count < 7 ? 7 : frame.count), "\(count) bytes")
        }
    }

    @Test("a stream of frames is the same, however it is cut")
    func stream() throws {
        var generator = SeededRandom(seed: 11)
        var stream: [UInt8] = []
        var expected: [Frame] = []
        for _ in 0..<200 {
            let kind = try #require([FrameKind.method, .header, .body].randomElement(using: &generator))
            let count = Int.random(in: 0...64, using: &generator)
            stream += WireBytes.frame(kind.rawValue, channel: 1, [UInt8](repeating: 0xCE, count: count))
            expected.append(Frame(kind: kind, channel: 1, payloadByteCount: count))
        }
        var found: [Frame] = []
        var pending: [UInt8] = []
        var position = 0
        while position < stream.count {
            let count = min(Int.random(in: 1...50, using: &generator), stream.count - position)
            pending += stream[position..<position + count]
            position += count
            while case .frame(let frame) = try self.scan(pending) {
                found.append(frame)
                pending.removeFirst(frame.byteCount)
            }
        }
        #expect(found == expected)
        #expect(pending.isEmpty)
    }

    @Test("a frame of the agreed size is taken, one byte more is refused before it has arrived")
    func limit() throws {
        let largest = WireBytes.frame(3, [UInt8](repeating: 0, count: 4096 - 8))
        #expect(try self.scan(largest) == .frame(Frame(kind: .body, channel: 1, payloadByteCount: 4088)))
        let tooLarge = WireBytes.frame(3, [UInt8](repeating: 0, count: 4089))
        #expect(throws: AMQPError.frameTooLarge(byteCount: 4097, limit: 4096)) { try self.scan(tooLarge[..<7]) }
        let absurd: [UInt8] = [3, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]
        #expect(throws: AMQPError.self) { try self.scan(absurd) }
    }

    @Test(
        "what is no frame is named",
        arguments: [
            ([4], .unknownFrameKind(4)),
            (Array("AMQP\u{0}\u{0}\u{9}\u{1}".utf8), .otherProtocolVersion),
            ([0x15, 3, 3, 0, 2, 2, 40], .tlsExpected),
            (Array("HTTP/1.1 400".utf8), .unknownFrameKind(UInt8(ascii: "H"))),
            (WireBytes.frame(1, [0, 0, 0, 0], end: 0xCD), .badFrameEnd(0xCD)),
            (WireBytes.frame(8, channel: 1, []), .malformedHeartbeat),
            (WireBytes.frame(8, channel: 0, [0]), .malformedHeartbeat),
        ] as [([UInt8], AMQPError)]
    )
    func garbage(bytes: [UInt8], error: AMQPError) {
        #expect(throws: error) { try self.scan(bytes) }
    }

    @Test("our own heartbeat is a frame")
    func heartbeat() throws {
        let expected = Frame(kind: .heartbeat, channel: 0, payloadByteCount: 0)
        #expect(try self.scan(FrameWriter.heartbeat) == .frame(expected))
    }

    @Test("random bytes end in an error or wait for more, and never trap", arguments: [1, 2, 3] as [UInt64])
    func fuzz(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Mostly plausible starts, so that the later checks are reached.
            if count > 6, Bool.random(using: &generator) {
                bytes.replaceSubrange(0..<6, with: [UInt8.random(in: 1...3, using: &generator), 0, 1, 0, 0, 0])
            }
            guard case .frame(let frame)? = try? self.scan(bytes) else { continue }
            #expect(frame.byteCount <= bytes.count)
            let payload = Array(bytes[7..<7 + frame.payloadByteCount])
            payload.withUnsafeBytes { buffer in
                _ = try? ContentMethod(buffer)
                _ = try? ServerMethod(buffer)
                if let header = try? ContentHeader(buffer) {
                    _ = header.messageID(in: buffer)
                    _ = header.deliveryCount(in: buffer)
                }
            }
        }
    }
}
