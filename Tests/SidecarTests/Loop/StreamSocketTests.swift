import Glibc
import Testing

@testable import Sidecar

/// Notes what a socket reports, and reads whatever arrives.
final class SocketRecorder: StreamSocket.Delegate {
    private(set) var isConnected = false
    private(set) var failures: [StreamError] = []
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private(set) var writableCount = 0
    var wasWritable: () -> Void = {}
    var ended: () -> Void = {}
    var readByteCount = 65_536

    func streamConnected(_ socket: StreamSocket) { self.isConnected = true }
    func streamFailed(_ socket: StreamSocket, _ error: StreamError) { self.failures.append(error) }

    func streamWritable(_ socket: StreamSocket) {
        self.writableCount += 1
        self.wasWritable()
    }

    func streamReadable(_ socket: StreamSocket) {
        var buffer = [UInt8](repeating: 0, count: self.readByteCount)
        while true {
            switch buffer.withUnsafeMutableBytes({ socket.read(into: $0) }) {
            case .bytes(let count, let more):
                self.received.append(contentsOf: buffer[..<count])
                if !more { return }
            case .wouldBlock: return
            case .endOfStream:
                self.hasEnded = true
                socket.close()
                self.ended()
                return
            case .failed:
                socket.close()
                return
            }
        }
    }
}

@Suite("StreamSocket")
struct StreamSocketTests {
    private static func write(_ bytes: [UInt8], to socket: StreamSocket) -> Result<
        StreamSocket.WriteOutcome, StreamError
    > {
        var bytes = bytes
        return bytes.withUnsafeMutableBytes { buffer in
            var vector = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
            return withUnsafePointer(to: &vector) { socket.write(UnsafeBufferPointer(start: $0, count: 1)) }
        }
    }

    @Test(
        "connects over TCP by address and by name, carries bytes both ways and sees the end",
        arguments: ["127.0.0.1", "localhost"]
    )
    func tcp(host: String) throws {
        let driver = try LoopDriver()
        let listener = try TCPListener()
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        socket.connect(host: host, port: listener.port, tls: nil, timeout: .seconds(10))
        #expect(!recorder.isConnected && !socket.isOpen, "never inside the call")
        try driver.run("it connects") { recorder.isConnected }
        #expect(socket.isOpen)
        let peer = try #require(listener.accept())
        #expect(try Self.write(Array("ping".utf8), to: socket).get() == .init(taken: 4, isSocketFull: false))
        #expect(TCPListener.read(peer, 4) == Array("ping".utf8))
        TCPListener.write(peer, Array("pong".utf8))
        try driver.run("the answer arrives") { recorder.received.count == 4 }
        #expect(recorder.received == Array("pong".utf8))
        close(peer)
        try driver.run("the end is seen") { recorder.hasEnded }
        #expect(!socket.isOpen && recorder.failures.isEmpty)
    }

    @Test("a refused connection is reported once, with the errno, never inside the call")
    func refused() throws {
        let driver = try LoopDriver()
        let port: Int
        do {
            let listener = try TCPListener()
            port = listener.port
        }
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        socket.connect(host: "127.0.0.1", port: port, tls: nil, timeout: .seconds(10))
        #expect(recorder.failures.isEmpty)
        try driver.run("it fails") { !recorder.failures.isEmpty }
        try driver.turn()
        #expect(recorder.failures == [.connectFailed(code: -ECONNREFUSED)])
        #expect("\(recorder.failures[0])" == "connect: connection refused")
    }

    @Test("a Unix socket that is not there, or that nobody listens on, is a refused connection")
    func unixRefused() throws {
        let driver = try LoopDriver()
        let peer = try UnixPeer()
        for code in [-ENOENT, -ECONNREFUSED] {
            if code == -ECONNREFUSED {
                try peer.listen()
                peer.stopListening(removingSocket: false)
            }
            let recorder = SocketRecorder()
            let socket = StreamSocket(loop: driver.loop, delegate: recorder)
            socket.connect(unixPath: peer.socketPath, timeout: .seconds(10))
            #expect(recorder.failures.isEmpty, "never inside the call")
            try driver.run("it fails") { !recorder.failures.isEmpty }
            #expect(recorder.failures == [.connectFailed(code: code)])
        }
        unlink(peer.socketPath)
    }

    @Test("a host without an address is reported with its name")
    func unresolvable() throws {
        let driver = try LoopDriver()
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        // A label of more than 63 characters can be no host name: no server has to be asked.
        let host = String(repeating: "x", count: 70) + ".invalid"
        socket.connect(host: host, port: 1, tls: nil, timeout: .seconds(20))
        try driver.run("it fails") { !recorder.failures.isEmpty }
        guard case .unresolvable(host, _)? = recorder.failures.first else {
            Issue.record("\(recorder.failures)")
            return
        }
    }

    @Test("a server that does not accept in time is a time-out")
    func timeout() throws {
        let driver = try LoopDriver()
        let listener = try TCPListener(backlog: 0)
        // The queue of waiting connections is full with these: further ones hang.
        var fillers: [Int32] = []
        for _ in 0..<4 { fillers.append(listener.connectWithoutWaiting()) }
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        socket.connect(host: "127.0.0.1", port: listener.port, tls: nil, timeout: .milliseconds(50))
        try driver.run("it gives up") { !recorder.failures.isEmpty }
        #expect(recorder.failures == [.connectFailed(code: -ETIMEDOUT)])
        for filler in fillers { close(filler) }
    }

    @Test("after close no event arrives, whatever was under way")
    func closing() throws {
        let driver = try LoopDriver()
        let listener = try TCPListener()
        let recorder = SocketRecorder()
        let early = StreamSocket(loop: driver.loop, delegate: recorder)
        early.connect(host: "localhost", port: listener.port, tls: nil, timeout: .milliseconds(1))
        early.close()
        let missing = StreamSocket(loop: driver.loop, delegate: recorder)
        missing.connect(unixPath: "/nonexistent/socket", timeout: .milliseconds(1))
        missing.close()
        var dropped: StreamSocket? = StreamSocket(loop: driver.loop, delegate: recorder)
        dropped?.connect(host: "127.0.0.1", port: listener.port, tls: nil, timeout: .milliseconds(1))
        dropped = nil
        try driver.turn()
        #expect(!recorder.isConnected && recorder.failures.isEmpty)
        guard case .failure(.notConnected) = Self.write([1], to: early) else {
            Issue.record("a closed socket took bytes")
            return
        }
    }

    @Test("a new connection can be made inside the event that ended another, though it gets the same descriptor")
    func reconnectInsideEvent() throws {
        let driver = try LoopDriver()
        let peer = try UnixPeer()
        try peer.listen()
        let (first, second) = (SocketRecorder(), SocketRecorder())
        let socket = StreamSocket(loop: driver.loop, delegate: first)
        let again = StreamSocket(loop: driver.loop, delegate: second)
        first.ended = { again.connect(unixPath: peer.socketPath, timeout: .seconds(10)) }
        socket.connect(unixPath: peer.socketPath, timeout: .seconds(10))
        try driver.run("it connects") { first.isConnected }
        peer.accept()
        peer.close(0)
        try driver.run("the second one is answered") { second.isConnected || !second.failures.isEmpty }
        #expect(second.isConnected && second.failures.isEmpty)
    }

    @Test("reading can be turned off and on again; nothing is lost")
    func readingOff() throws {
        let driver = try LoopDriver()
        let listener = try TCPListener()
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        socket.connect(host: "127.0.0.1", port: listener.port, tls: nil, timeout: .seconds(10))
        try driver.run("it connects") { recorder.isConnected }
        let peer = try #require(listener.accept())
        socket.setReading(false)
        TCPListener.write(peer, [1, 2, 3])
        try driver.turn()
        #expect(recorder.received.isEmpty)
        socket.setReading(true)
        try driver.run("the bytes arrive") { recorder.received == [1, 2, 3] }
        close(peer)
    }

    @Test("a full socket says so, and that there is room again")
    func fullSocket() throws {
        let driver = try LoopDriver()
        let peer = try UnixPeer()
        peer.bufferByteCount = 4096
        try peer.listen()
        let recorder = SocketRecorder()
        let socket = StreamSocket(loop: driver.loop, delegate: recorder)
        socket.connect(unixPath: peer.socketPath, timeout: .seconds(10))
        try driver.run("it connects") { recorder.isConnected }
        let large = [UInt8](repeating: 7, count: 4 * 1024 * 1024)
        let outcome = try Self.write(large, to: socket).get()
        #expect(outcome.isSocketFull && outcome.taken > 0 && outcome.taken < large.count)
        try driver.turn()
        #expect(recorder.writableCount == 0, "nobody has read yet")
        driver.peerWork = { peer.work() }
        try driver.run("there is room") { recorder.writableCount > 0 }
        #expect(recorder.writableCount == 1)
    }
}

/// A listening TCP socket on loopback; its connections are served by hand, blocking.
final class TCPListener {
    let port: Int
    private let descriptor: Int32

    init(backlog: Int32 = 8) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var count = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            let generic = UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, generic, count) == 0 && listen(descriptor, backlog) == 0
                && getsockname(descriptor, generic, &count) == 0
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        guard isListening else { throw PeerError(operation: "listen", code: errno) }
    }

    deinit {
        close(self.descriptor)
    }

    func accept() -> Int32? {
        let accepted = Glibc.accept(self.descriptor, nil, nil)
        return accepted >= 0 ? accepted : nil
    }

    func connectWithoutWaiting() -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = UInt16(self.port).bigEndian
        withUnsafePointer(to: address) { pointer in
            // Under way, or already waiting to be accepted: both fill the queue.
            _ = connect(
                descriptor,
                UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size)
            )
        }
        return descriptor
    }

    static func read(_ descriptor: Int32, _ count: Int) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let taken = recv(descriptor, &buffer, count, Int32(MSG_WAITALL))
        return Array(buffer.prefix(max(0, taken)))
    }

    static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
