import Support

/// One connection to the metrics server: requests one after the other, answers in the same order.
///
/// Every state has a deadline; the server owns the timer and calls `expire()`.
final class MetricsConnection: StreamSocket.Delegate {
    /// Longest request head.
    static let headByteLimit = 8 * 1024
    /// How long each state may last.
    struct Limits {
        /// From the first byte of a request (or from accepting) to its last (`sidecar.md` 10.1).
        var head = Duration.seconds(5)
        /// Scrapers come back every 15 or 60 seconds.
        var idle = Duration.seconds(120)
        /// For the peer to take an answer.
        var write = Duration.seconds(10)
        /// For the peer to read a last answer: closing earlier, with its bytes unread, would destroy that answer.
        var linger = Duration.seconds(1)
    }

    private enum State {
        /// Between two requests on a connection that has served at least one.
        case idle
        case readingHead
        case writing(closes: Bool)
        case lingering
        case closed
    }

    private let loop: EventLoop
    private let endpoints: MetricsEndpoints
    private let limits: Limits
    private let changed: () -> Void
    private var socket: StreamSocket?
    private var input: ReadBuffer
    private var output: OutputQueue
    private var searched = 0
    private var state = State.readingHead
    private var isFinishing = false
    private(set) var deadline: MonotonicTime

    /// - Parameter changed: called when the state changed; must not own this object strongly.
    init(
        loop: EventLoop,
        pool: SlabPool,
        descriptor: Int32,
        endpoints: MetricsEndpoints,
        limits: Limits,
        changed: @escaping () -> Void
    ) throws(LoopError) {
        self.loop = loop
        self.endpoints = endpoints
        self.changed = changed
        self.input = ReadBuffer(pool: pool)
        self.output = OutputQueue(pool: pool)
        self.limits = limits
        self.deadline = loop.now + limits.head
        self.socket = try StreamSocket(loop: loop, accepted: descriptor, delegate: self)
    }

    var isClosed: Bool {
        if case .closed = self.state { return true }
        return false
    }

    var isBetweenRequests: Bool {
        if case .idle = self.state { return true }
        return false
    }

    /// May be closed without anyone missing an answer: between requests, or before the first byte of one.
    var isIdle: Bool {
        switch self.state {
        case .idle: true
        case .readingHead: self.input.unreadByteCount == 0
        case .writing, .lingering, .closed: false
        }
    }

    func close() {
        self.state = .closed
        self.deadline = .distantFuture
        self.socket?.close()
        self.socket = nil
    }

    /// Ends after the request under way; at once when there is none.
    func finish() {
        self.isFinishing = true
        switch self.state {
        case .idle: self.close()
        case .readingHead where self.input.unreadByteCount == 0: self.close()
        case .readingHead, .writing, .lingering, .closed: break
        }
    }

    /// The deadline has passed.
    func expire() {
        if case .readingHead = self.state, self.input.unreadByteCount > 0 {
            self.answer(.refusal(.tooSlow), isHead: false, closes: true)
        } else {
            self.close()
        }
    }

    // MARK: Events

    func streamConnected(_ socket: StreamSocket) {}

    func streamFailed(_ socket: StreamSocket, _ error: StreamError) {
        self.close()
        self.changed()
    }

    func streamReadable(_ socket: StreamSocket) {
        self.readOnce(socket)
        self.changed()
    }

    func streamWritable(_ socket: StreamSocket) {
        self.flush()
        self.serve()
        self.changed()
    }

    /// One read per event, so that a busy scraper does not hold up the messages; the poll is level-triggered.
    private func readOnce(_ socket: StreamSocket) {
        switch socket.read(into: self.input.space(expecting: 0)) {
        case .bytes(let count, _):
            self.input.filled(count)
            if case .lingering = self.state {
                self.input.skip(self.input.unreadByteCount)
                return
            }
            if case .idle = self.state { self.beginHead() }
            self.serve()
        case .wouldBlock: break
        case .endOfStream, .failed: self.close()
        }
    }

    private func beginHead() {
        self.state = .readingHead
        self.deadline = self.loop.now + self.limits.head
    }

    /// Answers the requests that are complete, as long as the peer takes the answers.
    private func serve() {
        while case .readingHead = self.state {
            self.skipEmptyLines()
            let unread = self.input.unread
            guard let end = HTTPHead.end(in: unread, searched: &self.searched) else {
                if unread.count >= Self.headByteLimit {
                    self.answer(.refusal(.headTooLarge), isHead: false, closes: true)
                }
                return
            }
            self.searched = 0
            guard end <= Self.headByteLimit else {
                self.answer(.refusal(.headTooLarge), isHead: false, closes: true)
                return
            }
            do throws(HTTPRequest.Refusal) {
                let request = try HTTPRequest(UnsafeRawBufferPointer(rebasing: unread[..<end]))
                self.input.skip(end)
                self.answer(
                    self.endpoints.respond(to: request),
                    isHead: request.method == .head,
                    closes: !request.keepsAlive || request.hasBody || self.isFinishing
                )
            } catch {
                self.answer(.refusal(error), isHead: false, closes: true)
            }
        }
    }

    /// Some clients send a line end after a request; it is not the start of the next one.
    private func skipEmptyLines() {
        while self.searched == 0, let first = self.input.unread.first,
            first == UInt8(ascii: "\r") || first == UInt8(ascii: "\n")
        {
            self.input.skip(1)
        }
    }

    private func answer(_ response: HTTPResponse, isHead: Bool, closes: Bool) {
        response.head(closes: closes).withUnsafeBytes { self.output.append(copying: $0) }
        if !isHead { response.body.withUnsafeBytes { self.output.append(copying: $0) } }
        self.state = .writing(closes: closes)
        self.deadline = self.loop.now + self.limits.write
        self.flush()
    }

    private func flush() {
        guard case .writing(let closes) = self.state, let socket = self.socket else { return }
        do throws(StreamError) {
            guard try self.output.flush(to: socket) else {
                // Its next request waits in the kernel until it has taken this answer.
                socket.setReading(false)
                return
            }
        } catch {
            self.close()
            return
        }
        socket.setReading(true)
        if closes || self.isFinishing {
            self.state = .lingering
            self.deadline = self.loop.now + self.limits.linger
            self.input.skip(self.input.unreadByteCount)
        } else if self.input.unreadByteCount > 0 {
            self.beginHead()
        } else {
            self.state = .idle
            self.deadline = self.loop.now + self.limits.idle
        }
    }
}
