import Testing

@testable import AWS

@Suite struct BatchPackerTests {
    @Test("ten small messages make a batch, the eleventh waits")
    func entries() {
        var packer = BatchPacker()
        for index in 0..<10 {
            #expect(!packer.isFull)
            #expect(packer.place(byteCount: 100) == .entry(index))
        }
        #expect(packer.isFull)
        #expect(packer.place(byteCount: 100) == .batchIsFull)
        packer.clear()
        #expect(packer.place(byteCount: 100) == .entry(0))
    }

    @Test("a batch is filled to the last byte and not beyond")
    func bytes() {
        var packer = BatchPacker()
        #expect(packer.place(byteCount: 262_143) == .entry(0))
        #expect(packer.place(byteCount: 2) == .batchIsFull)
        #expect(!packer.isFull)
        #expect(packer.place(byteCount: 1) == .entry(1))
        #expect(packer.isFull && packer.byteCount == 262_144)
    }

    @Test("a message above the batch's limit goes alone, one above its own not at all")
    func large() {
        var packer = BatchPacker()
        #expect(packer.place(byteCount: 262_144) == .entry(0))
        #expect(packer.place(byteCount: 262_145) == .alone)
        #expect(packer.place(byteCount: 1_048_576) == .alone)
        #expect(packer.place(byteCount: 1_048_577) == .tooLong(limit: 1_048_576))
        #expect(packer.entryCount == 1 && packer.byteCount == 262_144)
    }

    @Test("limits are settings, and are learnt from refusals, downwards only")
    func limits() {
        var limits = SQSLimits(batchByteLimit: 1_048_576)
        var packer = BatchPacker(limits: limits)
        #expect(packer.place(byteCount: 1_048_576) == .entry(0))
        func refusal(_ kind: SQSError.Kind, _ text: String) -> SQSError {
            SQSError(kind: kind, code: "c", message: text, status: 400)
        }
        limits.learn(from: refusal(.batchTooLong, "cannot be longer than 262144 bytes"))
        #expect(limits == SQSLimits())
        limits.learn(from: refusal(.messageTooLong, "Message must be shorter than 1024 bytes."))
        #expect(limits == SQSLimits(batchByteLimit: 1024, messageByteLimit: 1024))
        limits.learn(from: refusal(.messageTooLong, "Message must be shorter than 4096 bytes."))
        limits.learn(from: refusal(.messageTooLong, "too long"))
        limits.learn(from: refusal(.rejected, "must be shorter than 1 bytes"))
        #expect(limits == SQSLimits(batchByteLimit: 1024, messageByteLimit: 1024))
    }

    @Test("whatever comes, no batch breaks a limit and no message is lost")
    func random() {
        var generator = SystemRandomNumberGenerator()
        var packer = BatchPacker()
        var batches: [[Int]] = [[]]
        var sent = 0
        for _ in 0..<5000 {
            let size = Int.random(in: 1...80_000, using: &generator)
            var placement = packer.place(byteCount: size)
            if placement == .batchIsFull {
                packer.clear()
                batches.append([])
                placement = packer.place(byteCount: size)
            }
            #expect(placement == .entry(batches[batches.count - 1].count))
            batches[batches.count - 1].append(size)
            sent += 1
        }
        #expect(batches.reduce(0) { $0 + $1.count } == sent)
        #expect(batches.allSatisfy { $0.count <= 10 && $0.reduce(0, +) <= 262_144 })
    }
}
