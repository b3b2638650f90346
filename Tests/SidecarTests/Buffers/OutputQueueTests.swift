import SeededRandom
import Testing

@testable import Sidecar

/// An output queue behind a real socket: its owner's part is to go on when there is room again.
private final class Writer {
    let recorder = SocketRecorder()
    let socket: StreamSocket
    var queue: OutputQueue
    private(set) var error: StreamError?
    private(set) var wasFull = false

    init(loop: EventLoop, pool: SlabPool, path: String) {
        self.queue = OutputQueue(pool: pool)
        self.socket = StreamSocket(loop: loop, delegate: self.recorder)
        self.recorder.wasWritable = { [unowned self] in self.flush() }
        self.socket.connect(unixPath: path, timeout: .seconds(10))
    }

    var byteCount: Int { self.queue.byteCount }
    var isEmpty: Bool { self.queue.isEmpty }

    func flush() {
        do throws(StreamError) {
            if try !self.queue.flush(to: self.socket) { self.wasFull = true }
        } catch {
            self.error = error
        }
    }
}

@Suite("OutputQueue")
struct OutputQueueTests {
    @Test("delivers every byte in order through a socket with tiny buffers", arguments: UInt64(1)..<5)
    func model(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let driver = try LoopDriver()
        let peer = try UnixPeer()
        peer.bufferByteCount = 4096
        try peer.listen()
        let pool = SlabPool()
        let writer = Writer(loop: driver.loop, pool: pool, path: peer.socketPath)
        try driver.run("it connects") { writer.recorder.isConnected }
        driver.peerWork = {
            peer.readLimit = random.count(0...30_000)
            peer.work()
        }
        var model: [UInt8] = []
        for _ in 0..<80 {
            for _ in 0..<random.count(0...10) { model += self.append(to: &writer.queue, pool, &random) }
            writer.flush()
            let arrived = peer.received.first?.count ?? 0
            #expect(writer.isEmpty == (writer.byteCount == 0))
            if random.next() % 4 == 0 {
                try driver.run("something arrives") { peer.received.first?.count ?? 0 > arrived || writer.isEmpty }
            }
        }
        try driver.run("everything arrives") { peer.received.first?.count == model.count }
        #expect(peer.received.first == model)
        #expect(writer.error == nil && writer.isEmpty && writer.wasFull)
        #expect(pool.usedByteCount <= 2 * SlabPool.ordinaryByteCount, "nothing is kept once it was sent")
    }

    private func append(to queue: inout OutputQueue, _ pool: SlabPool, _ random: inout SeededRandom) -> [UInt8] {
        let bytes = random.bytes(random.count(1...(random.next() % 8 == 0 ? 60_000 : 700)))
        switch random.next() % 5 {
        case 0: bytes.withUnsafeBytes { queue.append(copying: $0) }
        case 1: queue.append(pool.slice(copying: bytes))
        case 2:
            queue.append(count: bytes.count) { start in
                bytes.withUnsafeBytes {
                    if let base = $0.baseAddress { start.copyMemory(from: base, byteCount: $0.count) }
                }
            }
        case 3:
            queue.append(bytes[0])
            return [bytes[0]]
        default:
            queue.append("text")
            return Array("text".utf8)
        }
        return bytes
    }

    @Test("a broken connection is an error, and forgetting everything starts anew")
    func broken() throws {
        let driver = try LoopDriver()
        let peer = try UnixPeer()
        try peer.listen()
        let writer = Writer(loop: driver.loop, pool: SlabPool(), path: peer.socketPath)
        try driver.run("it connects") { writer.recorder.isConnected }
        peer.accept()
        peer.close(0)
        writer.queue.append("lost")
        writer.flush()
        #expect(writer.error != nil)
        #expect(writer.byteCount == 4)
        writer.queue.removeAll()
        #expect(writer.isEmpty)
        writer.flush()
    }

    @Test("an unconnected socket takes nothing")
    func unconnected() throws {
        let driver = try LoopDriver()
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        var queue = OutputQueue(pool: SlabPool())
        queue.append("text")
        var failure: StreamError?
        do throws(StreamError) {
            _ = try queue.flush(to: socket)
        } catch {
            failure = error
        }
        #expect(failure == .notConnected)
        let byteCount = queue.byteCount
        #expect(byteCount == 4)
    }

    @Test("steady traffic uses one block again and again")
    func reuses() throws {
        let driver = try LoopDriver()
        let peer = try UnixPeer()
        try peer.listen()
        let pool = SlabPool()
        let writer = Writer(loop: driver.loop, pool: pool, path: peer.socketPath)
        try driver.run("it connects") { writer.recorder.isConnected }
        peer.accept()
        for _ in 0..<2000 {
            writer.queue.append("a message of some bytes")
            writer.flush()
            peer.work()
        }
        #expect(writer.error == nil && writer.isEmpty)
        #expect(pool.usedByteCount == SlabPool.ordinaryByteCount)
        #expect(peer.received[0].count == 2000 * 23)
    }
}
