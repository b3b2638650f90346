import SeededRandom
import Testing

@testable import Sidecar

@Suite("ReadBuffer")
struct ReadBufferTests {
    /// Puts bytes into the space as a read would; returns how many fitted.
    private func fill(_ buffer: inout ReadBuffer, with bytes: ArraySlice<UInt8>, expecting: Int = 0) -> Int {
        let space = buffer.space(expecting: expecting)
        let count = min(space.count, bytes.count)
        bytes.withUnsafeBytes { space.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        buffer.filled(count)
        return count
    }

    @Test("behaves as a queue of bytes, and slices keep their bytes", arguments: UInt64(1)..<9)
    func model(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pool = SlabPool()
        var buffer = ReadBuffer(pool: pool)
        let stream = random.bytes(1_000_000)
        let isSame = { (bytes: UnsafeRawBufferPointer, range: Range<Int>) in
            stream.withUnsafeBytes { haveSameBytes(bytes, UnsafeRawBufferPointer(rebasing: $0[range])) }
        }
        var written = 0
        var consumed = 0
        var slices: [(ByteSlice, Range<Int>)] = []
        while consumed < stream.count {
            if random.next() % 3 != 0, written < stream.count {
                let end = min(stream.count, written + random.count(0...20_000))
                let expecting = random.next() % 4 == 0 ? buffer.unreadByteCount + random.count(0...100_000) : 0
                written += self.fill(&buffer, with: stream[written..<end], expecting: expecting)
            } else {
                let count = random.count(0...buffer.unreadByteCount)
                if random.next() % 3 == 0 {
                    buffer.skip(count)
                } else {
                    slices.append((buffer.take(count), consumed..<(consumed + count)))
                }
                consumed += count
            }
            #expect(buffer.unreadByteCount == written - consumed)
            #expect(isSame(buffer.unread, consumed..<written))
            if slices.count > 30 { slices.removeFirst(random.count(1...30)) }
        }
        for (slice, range) in slices { #expect(isSame(slice.bytes, range)) }
    }

    @Test(
        "the space always holds a read, and reaches to the end of the frame that is expected",
        arguments: [0, 1, 4096, 65_536, 65_537, 1_000_000]
    )
    func spaceForFrame(expected: Int) {
        let pool = SlabPool()
        var buffer = ReadBuffer(pool: pool)
        _ = self.fill(&buffer, with: [UInt8](repeating: 1, count: 60_000)[...])
        buffer.skip(59_000)
        let space = buffer.space(expecting: expected)
        #expect(space.count >= 4096)
        #expect(buffer.unreadByteCount + space.count >= expected)
        #expect(buffer.unread.first == 1 && buffer.unread.last == 1 && buffer.unreadByteCount == 1000)
    }

    @Test("a frame that was given its space is not moved again while it arrives")
    func frameStaysInPlace() {
        let pool = SlabPool()
        var buffer = ReadBuffer(pool: pool)
        let frame = [UInt8](repeating: 3, count: 200_000)
        var filled = self.fill(&buffer, with: frame[..<10])
        _ = buffer.space(expecting: frame.count)
        let base = buffer.unread.baseAddress
        while filled < frame.count {
            filled += self.fill(&buffer, with: frame[filled...].prefix(7777), expecting: frame.count)
        }
        #expect(buffer.unread.baseAddress == base)
        let taken = buffer.take(frame.count)
        #expect(frame.withUnsafeBytes { haveSameBytes(taken.bytes, $0) })
    }

    @Test("steady small traffic uses one slab again and again")
    func reusesSlab() {
        let pool = SlabPool()
        var buffer = ReadBuffer(pool: pool)
        for _ in 0..<3000 {
            _ = self.fill(&buffer, with: [1, 2, 3, 4, 5])
            buffer.skip(2)
            _ = buffer.take(3)
        }
        #expect(pool.usedByteCount == SlabPool.ordinaryByteCount)
        #expect(pool.retainedByteCount == 0)
    }

    @Test("taking more than was read stops the process")
    func tooMuch() async {
        await #expect(processExitsWith: .failure) {
            var buffer = ReadBuffer(pool: SlabPool())
            _ = buffer.take(1)
        }
    }
}
