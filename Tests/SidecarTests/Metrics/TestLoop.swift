import Glibc

@testable import Sidecar

/// Runs an event loop inside a test until something is true, with a limit, so that no test sleeps or hangs.
final class TestLoop {
    let loop: EventLoop
    private var timer: LoopTimer?
    private var poller: LoopTimer?

    init() throws {
        cuvIgnoreSIGPIPE()
        self.loop = try EventLoop()
    }

    /// Whether `condition` became true before the limit; looked at after every turn.
    func run(limit: Duration = .seconds(30), until condition: @escaping () -> Bool) throws -> Bool {
        if condition() { return true }
        var isTrue = false
        self.timer = try LoopTimer(loop: self.loop) { [unowned self] in self.loop.stop() }
        self.timer?.start(after: limit)
        // Conditions may depend on time alone; then no other event would wake the loop.
        self.poller = try LoopTimer(loop: self.loop) { [unowned self] in self.poller?.start(after: .milliseconds(1)) }
        self.poller?.start(after: .milliseconds(1))
        self.loop.turnEnded = { [unowned self] in
            if condition() {
                isTrue = true
                self.loop.stop()
            }
        }
        self.loop.run()
        self.loop.turnEnded = {}
        self.timer = nil
        self.poller = nil
        return isTrue || condition()
    }

    /// Lets time pass on the loop, with turns in it: being kept from the processor is no time for what is waited for.
    func run(for duration: Duration, eachTurn: @escaping () -> Void = {}) throws {
        let end = self.loop.now + duration
        var turnCount = 0
        _ = try self.run {
            eachTurn()
            turnCount += 1
            return turnCount > 5 && self.loop.now >= end
        }
    }
}

private func cuvIgnoreSIGPIPE() {
    signal(SIGPIPE, SIG_IGN)
}

/// A peer on the same loop, made of the sidecar's own sockets: sends bytes, collects what comes back.
final class TestClient: StreamSocket.Delegate {
    private(set) var received: [UInt8] = []
    private(set) var isConnected = false
    private(set) var isClosed = false
    /// False: bytes stay in the kernel, as with a slow reader.
    var isReading = true
    private var socket: StreamSocket?
    private var pending: [UInt8] = []

    /// Connects to a local port.
    init(loop: EventLoop, port: Int) {
        let socket = StreamSocket(loop: loop, delegate: self)
        self.socket = socket
        socket.connect(host: "127.0.0.1", port: port, tls: nil, timeout: .seconds(5))
    }

    /// Takes over an accepted connection.
    init(loop: EventLoop, accepted descriptor: Int32) throws {
        self.isConnected = true
        self.socket = try StreamSocket(loop: loop, accepted: descriptor, delegate: self)
    }

    var text: String { String(decoding: self.received, as: UTF8.self) }

    func send(_ text: String) { self.send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        self.pending += bytes
        self.flush()
    }

    func forget() { self.received = [] }

    func close() {
        self.socket?.close()
        self.isClosed = true
    }

    func streamConnected(_ socket: StreamSocket) {
        self.isConnected = true
        self.flush()
    }

    func streamReadable(_ socket: StreamSocket) {
        guard self.isReading else {
            socket.setReading(false)
            return
        }
        while true {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let outcome = buffer.withUnsafeMutableBytes { socket.read(into: $0) }
            switch outcome {
            case .bytes(let count, let more):
                self.received += buffer[..<count]
                if !more { return }
            case .wouldBlock: return
            case .endOfStream, .failed:
                self.close()
                return
            }
        }
    }

    func startReading() {
        self.isReading = true
        self.socket?.setReading(true)
    }

    func streamWritable(_ socket: StreamSocket) { self.flush() }

    func streamFailed(_ socket: StreamSocket, _ error: StreamError) { self.isClosed = true }

    private func flush() {
        guard self.isConnected, let socket = self.socket, !self.pending.isEmpty else { return }
        let result = self.pending.withUnsafeMutableBytes { bytes in
            withUnsafePointer(to: iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)) {
                socket.write(UnsafeBufferPointer(start: $0, count: 1))
            }
        }
        if case .success(let outcome) = result { self.pending.removeFirst(outcome.taken) }
    }
}
