import Envelope
import SeededRandom
import Testing

@testable import AWS

/// Replies damaged at random: every one is read or refused, and nothing is read outside its bytes (run under the address
/// sanitizer to see that).
@Suite struct RandomReplyTests {
    private static let pieces: [StaticString] = [
        "\"", "\\", "{", "}", "[", "]", ":", ",", "null", "\\u0000", "\\ud800", "1", "\u{0}",
    ]

    private static func damaged(_ text: String, using generator: inout SeededRandom) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0...Int.random(in: 0...3, using: &generator) where !bytes.isEmpty {
            let position = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes.removeSubrange(position..<min(bytes.count, position + 9))
            case 2: bytes.removeSubrange(position...)
            default:
                let piece = self.pieces.randomElement(using: &generator) ?? "\""
                piece.withUTF8Buffer { bytes.insert(contentsOf: $0, at: position) }
            }
        }
        return bytes
    }

    @Test("damaged replies to ReceiveMessage are read or refused")
    func receive() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededRandom(seed: seed)
        var readCount = 0
        for _ in 0..<5000 {
            // An exact allocation of its own, so that a byte too many is noticed.
            let bytes = Self.damaged(ReceiveReplyTests.reply, using: &generator)
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
            memory.copyBytes(from: bytes)
            defer { memory.deallocate() }
            var messages: [ReceivedMessage] = []
            do {
                try ReceiveReply.read(UnsafeRawBufferPointer(memory), into: &messages)
            } catch {
                continue
            }
            for message in messages {
                readCount += 1
                let capacity = message.body.contents.count
                withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { body in
                    let count = message.body.decode(in: UnsafeRawBufferPointer(memory), into: body)
                    // A lone surrogate of six characters becomes three bytes, so decoding never lengthens.
                    #expect(count <= capacity, "seed \(seed)")
                    let decoded = UnsafeRawBufferPointer(rebasing: body[..<min(count, capacity)])
                    _ = message.matchesMD5(decodedBody: decoded, in: UnsafeRawBufferPointer(memory))
                }
                _ = message.traceHeaders(in: UnsafeRawBufferPointer(memory))
                #expect(message.receiveCount >= 1, "seed \(seed)")
            }
        }
        #expect(readCount > 0, "seed \(seed)")
    }

    @Test("damaged replies of batches and of the control plane are read or refused")
    func others() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededRandom(seed: seed)
        let batch = #"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1","SenderFault":true,"Code":"C","Message":"m"}]}"#
        for _ in 0..<3000 {
            let bytes = Self.damaged(batch, using: &generator)
            bytes.withUnsafeBytes { bytes in
                do throws(RequestFailure) {
                    try BatchReply.forEachEntry(of: bytes) { id, _ in #expect(id >= 0, "seed \(seed)") }
                } catch {
                    #expect(!error.description.isEmpty)
                }
            }
            let error = ErrorClassification.classify(status: 400, queryError: nil, body: bytes)
            #expect(error.message.utf8.count <= SQSError.messageByteLimit)
            _ = XMLText.first("Code", in: String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("what is written is what is read, whatever the text and however it is cut")
    func roundTrip() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededRandom(seed: seed)
        let alphabet: [Character] = ["a", "\"", "\\", "/", "\n", "\t", "\r", " ", "é", "€", "🙂", "\u{7F}", "\u{FFFD}"]
        var writer = MessageRequestWriter(buffer: RequestBuffer(capacity: 64))
        for _ in 0..<500 {
            let characters = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? "a"
            }
            let cut = Int.random(in: 0...characters.count, using: &generator)
            writer.beginSingle(queue: QueueAddress(url: "http://h/1/q"))
            for piece in [characters[..<cut], characters[cut...]] {
                let bytes = Array(String(piece).utf8)
                try bytes.withUnsafeBytes { try writer.body($0) }
            }
            try writer.endSingle()
            let request = writer.buffer.bytes
            let members = try JSONValue.scan(request).members(in: request)
            let body = try #require(members).first { $0.name.isNamed("MessageBody", in: request) }
            #expect(body?.value.string?.string(in: request) == String(characters), "seed \(seed)")
        }
    }
}
