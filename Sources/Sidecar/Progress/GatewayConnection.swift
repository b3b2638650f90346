import CUVShim
import Glibc

/// How one request to the gateway ended.
enum GatewayOutcome: Equatable {
    case answered(status: Int)
    /// No usable answer; the reason is fit for a log line.
    case failed(reason: String)

    var isSuccess: Bool {
        if case .answered(let status) = self { return (200..<300).contains(status) }
        return false
    }

    var text: String {
        switch self {
        case .answered(let status): "status \(status)"
        case .failed(let reason): reason
        }
    }
}

/// One keep-alive connection to the gateway; one request at a time.
final class GatewayConnection: StreamSocket.Delegate {
    /// What the pool learns of the end of a request.
    enum Ending: Equatable {
        case outcome(GatewayOutcome)
        /// The peer closed a connection that had been idle, before it saw the request as far as we can tell: the
        /// request deserves a fresh connection.
        case stale
    }

    private enum State {
        case connecting, idle, busy, closed
    }

    private static let readByteCount = 4096

    private let loop: EventLoop
    private let url: GatewayURL
    private let idleEnded: () -> Void
    private var socket: StreamSocket?
    private var timer: LoopTimer?
    private var state = State.connecting
    private var parser = HTTPResponseParser()
    private var request: [UInt8] = []
    private var writtenCount = 0
    private var answeredCount = 0
    private var ended: ((Ending) -> Void)?

    /// - Parameter idleEnded: called when the connection closes between requests.
    init(loop: EventLoop, url: GatewayURL, idleEnded: @escaping () -> Void) throws(LoopError) {
        self.loop = loop
        self.url = url
        self.idleEnded = idleEnded
        self.timer = try LoopTimer(loop: loop) { [unowned self] in
            self.end(.outcome(.failed(reason: "no answer in time")), keepsAlive: false)
        }
    }

    var isIdle: Bool {
        if case .idle = self.state { return true }
        return false
    }

    var isClosed: Bool {
        if case .closed = self.state { return true }
        return false
    }

    /// Sends a request and waits for its answer, connecting first when the connection is new. `ended` is called
    /// exactly once, never inside this call, unless the connection is closed before.
    func send(_ request: [UInt8], limit: Duration, ended: @escaping (Ending) -> Void) {
        precondition(self.ended == nil, "one request at a time")
        self.request = request
        self.writtenCount = 0
        self.parser = HTTPResponseParser()
        self.ended = ended
        self.timer?.start(after: limit)
        if self.socket == nil {
            self.connect(limit: limit)
        } else {
            self.state = .busy
            // Not from inside the caller's own call: a write error would end the request before it is known.
            self.loop.atTurnEnd { [weak self] in self?.write() }
        }
    }

    /// Ends at once; nothing is reported.
    func close() {
        self.state = .closed
        self.timer?.stop()
        self.ended = nil
        self.socket?.close()
        self.socket = nil
    }

    private func connect(limit: Duration) {
        let socket = StreamSocket(loop: self.loop, delegate: self)
        self.socket = socket
        socket.connect(
            host: self.url.host,
            port: self.url.port,
            tls: self.url.isTLS ? TLSSettings(serverName: self.url.host) : nil,
            timeout: limit
        )
    }

    // MARK: Events

    func streamConnected(_ socket: StreamSocket) {
        self.state = .busy
        self.write()
    }

    func streamFailed(_ socket: StreamSocket, _ error: StreamError) {
        self.end(.outcome(.failed(reason: error.description)), keepsAlive: false)
    }

    func streamWritable(_ socket: StreamSocket) {
        self.write()
    }

    func streamReadable(_ socket: StreamSocket) {
        while self.readOnce(socket) {}
    }

    private func write() {
        guard case .busy = self.state, let socket = self.socket else { return }
        while self.writtenCount < self.request.count {
            switch self.writeOnce(socket) {
            case .success(let outcome):
                self.writtenCount += outcome.taken
                if outcome.isSocketFull { return }
            case .failure(let error):
                self.connectionLost(reason: error.description)
                return
            }
        }
    }

    private func writeOnce(_ socket: StreamSocket) -> Result<StreamSocket.WriteOutcome, StreamError> {
        let start = self.writtenCount
        return self.request.withUnsafeBytes { bytes in
            // The kernel only reads through this pointer.
            let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress.map { $0 + start })
            return withUnsafePointer(to: iovec(iov_base: base, iov_len: bytes.count - start)) { vector in
                socket.write(UnsafeBufferPointer(start: vector, count: 1))
            }
        }
    }

    /// Whether another read may bring more.
    private func readOnce(_ socket: StreamSocket) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Self.readByteCount, alignment: 1) { buffer in
            switch socket.read(into: buffer) {
            case .bytes(let count, let more):
                self.received(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                return more && !self.isClosed
            case .wouldBlock:
                return false
            case .endOfStream:
                self.reachedEnd()
                return false
            case .failed(let error):
                self.connectionLost(reason: error.description)
                return false
            }
        }
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        guard case .busy = self.state else {
            // Bytes nobody asked for: what would follow cannot be trusted.
            self.closeIdle()
            return
        }
        do throws(HTTPResponseParser.Fault) {
            let (consumed, step) = try self.parser.consume(bytes)
            guard case .complete(let answer) = step else { return }
            let isClean = consumed == bytes.count && self.writtenCount == self.request.count
            self.end(.outcome(.answered(status: answer.status)), keepsAlive: answer.keepsAlive && isClean)
        } catch {
            self.end(.outcome(.failed(reason: Self.text(of: error))), keepsAlive: false)
        }
    }

    private func reachedEnd() {
        guard case .busy = self.state else {
            self.closeIdle()
            return
        }
        do throws(HTTPResponseParser.Fault) {
            let answer = try self.parser.endOfStream()
            self.end(.outcome(.answered(status: answer.status)), keepsAlive: false)
        } catch {
            self.connectionLost(reason: Self.text(of: error))
        }
    }

    private func connectionLost(reason: String) {
        guard case .busy = self.state else {
            self.closeIdle()
            return
        }
        let isStale = self.answeredCount > 0 && !self.parser.hasStarted
        self.end(isStale ? .stale : .outcome(.failed(reason: reason)), keepsAlive: false)
    }

    private func closeIdle() {
        guard !self.isClosed else { return }
        self.close()
        self.idleEnded()
    }

    private func end(_ ending: Ending, keepsAlive: Bool) {
        guard let ended = self.ended else { return }
        self.ended = nil
        self.timer?.stop()
        self.request = []
        self.answeredCount += 1
        if keepsAlive {
            self.state = .idle
        } else {
            self.close()
        }
        ended(ending)
    }

    private static func text(of fault: HTTPResponseParser.Fault) -> String {
        switch fault {
        case .headTooLarge: "answer with too large a head"
        case .bodyTooLarge: "answer with too large a body"
        case .malformed: "malformed answer"
        case .closedEarly: "connection closed before the answer was complete"
        }
    }
}
