import Glibc

/// One connection to the runtime: writes frames, cuts replies out of what arrives. Lives on the loop thread.
final class RuntimeConnection: StreamSocket.Delegate {
    /// Receives what happens on the connection.
    protocol Owner: AnyObject {
        func connectionOpened(_ connection: RuntimeConnection)
        func connection(_ connection: RuntimeConnection, replied reply: ByteSlice)
        /// The connection is over. `failure` tells why, as the oldest request sees it; `code` is the errno of a
        /// connection that could not be made.
        func connectionEnded(_ connection: RuntimeConnection, failure: RuntimeFailure)
    }

    /// Reads per wake-up, so that one busy peer cannot starve the loop.
    private static let readsPerWakeUp = 8
    /// How long a connection may take to be accepted (`sidecar.md` section 3, step 7).
    private static let connectTimeout = Duration.seconds(2)

    private unowned var owner: (any Owner)?
    private var socket: StreamSocket?
    private var input: ReadBuffer
    private var output: OutputQueue
    private var conversation = RuntimeConversation()
    private var isWritingBroken = false

    init(loop: EventLoop, pool: SlabPool, path: String, owner: any Owner) {
        self.owner = owner
        self.input = ReadBuffer(pool: pool)
        self.output = OutputQueue(pool: pool)
        let socket = StreamSocket(loop: loop, delegate: self)
        self.socket = socket
        socket.connect(unixPath: path, timeout: Self.connectTimeout)
    }

    var isOpen: Bool { self.socket?.isOpen ?? false }
    var outstandingCount: Int { self.conversation.outstandingCount }
    /// Whether the oldest outstanding request may have reached the handler.
    var oldestMayHaveStarted: Bool {
        self.conversation.oldestMayHaveStarted(unwrittenByteCount: self.output.byteCount)
    }

    /// Frames the body; it leaves with the next `flush`.
    func send(_ body: ByteSlice) {
        self.output.append(count: RuntimeConversation.headerByteCount) { header in
            header.storeBytes(of: UInt32(body.count).bigEndian, as: UInt32.self)
        }
        self.output.append(body)
        self.conversation.queued(bodyByteCount: body.count)
    }

    func flush() {
        guard let socket = self.socket, !self.output.isEmpty, socket.isOpen, !self.isWritingBroken else { return }
        do throws(StreamError) {
            // Not everything written: `streamWritable` continues.
            _ = try self.output.flush(to: socket)
        } catch {
            self.writingFailed(socket, reason: error.reason)
        }
    }

    /// The runtime does not read any more, but replies it has sent may still lie in the socket. Only then it is known
    /// whether the oldest request failed while it was written or while its reply was awaited.
    private func writingFailed(_ socket: StreamSocket, reason: String) {
        self.isWritingBroken = true
        var hasMore = true
        while hasMore, self.owner != nil { hasMore = self.readOnce(socket) }
        let isWritten = self.conversation.oldestIsWritten(unwrittenByteCount: self.output.byteCount)
        self.end(isWritten ? .readFailed(reason: reason) : .writeFailed(reason: reason))
    }

    /// Ends the connection; the owner hears nothing more.
    func close() {
        self.owner = nil
        self.socket?.close()
        self.socket = nil
    }

    private func end(_ failure: RuntimeFailure) {
        guard let owner = self.owner else { return }
        self.close()
        owner.connectionEnded(self, failure: failure)
    }

    // MARK: StreamSocket.Delegate

    func streamConnected(_ socket: StreamSocket) {
        self.owner?.connectionOpened(self)
    }

    func streamFailed(_ socket: StreamSocket, _ error: StreamError) {
        self.end(.writeFailed(reason: error.reason))
    }

    func streamWritable(_ socket: StreamSocket) {
        self.flush()
    }

    func streamReadable(_ socket: StreamSocket) {
        for _ in 0..<Self.readsPerWakeUp {
            guard self.readOnce(socket) else { return }
        }
    }

    /// Returns whether another read may bring more at once.
    private func readOnce(_ socket: StreamSocket) -> Bool {
        var expected = 0
        if case .incomplete(let frameByteCount) = self.conversation.examine(self.input.unread) {
            expected = frameByteCount
        }
        switch socket.read(into: self.input.space(expecting: expected)) {
        case .bytes(let count, let more):
            self.input.filled(count)
            self.deliverReplies()
            return more && self.owner != nil
        case .wouldBlock:
            return false
        case .endOfStream:
            self.endOfReplies(reason: self.input.unreadByteCount == 0 ? "EOF" : "unexpected EOF")
            return false
        case .failed(let error):
            self.endOfReplies(reason: error.reason)
            return false
        }
    }

    private func endOfReplies(reason: String) {
        // A failed write knows the better reason.
        guard !self.isWritingBroken else { return }
        self.end(.readFailed(reason: reason))
    }

    private func deliverReplies() {
        while let owner = self.owner, self.input.unreadByteCount > 0 {
            switch self.conversation.examine(self.input.unread) {
            case .incomplete:
                return
            case .reply(let byteCount):
                self.input.skip(RuntimeConversation.headerByteCount)
                let reply = self.input.take(byteCount)
                self.conversation.answered()
                owner.connection(self, replied: reply)
            case .invalid(let reason):
                self.end(.readFailed(reason: reason))
                return
            }
        }
    }
}

extension StreamError {
    /// The system's reason without the operation's name, which the caller's text already has.
    var reason: String {
        switch self {
        case .connectFailed(let code), .readFailed(let code), .writeFailed(let code): systemErrorText(code)
        case .unresolvable, .tlsFailed, .notConnected: self.description
        }
    }
}
