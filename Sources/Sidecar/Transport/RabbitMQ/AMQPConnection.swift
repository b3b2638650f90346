import AMQP

/// One AMQP connection: opens it, keeps it alive, cuts frames out of what arrives. Lives on the loop thread.
///
/// What the frames mean is its owner's business; the owner also appends frames to `output`.
final class AMQPConnection: StreamSocket.Delegate {
    /// The user of a connection.
    protocol Owner: AnyObject {
        /// The connection is open; channels can be opened.
        func connectionOpened(_ connection: AMQPConnection)
        /// A rare method on a channel, or `connection.blocked` and the like on channel 0.
        func connection(_ connection: AMQPConnection, received method: ServerMethod, channel: UInt16)
        /// One of the frequent methods.
        func connection(_ connection: AMQPConnection, received method: ContentMethod, payload: UnsafeRawBufferPointer)
        /// A content header: the owner says where a large body goes by returning a slab for it, or nil when the body
        /// is small enough to be sliced out of the read buffer.
        func connection(_ connection: AMQPConnection, header: ContentHeader, payload: UnsafeRawBufferPointer)
        /// A complete body, which follows each content header.
        func connection(_ connection: AMQPConnection, body: ByteSlice)
        /// The connection is over: a reason without credentials.
        func connectionLost(_ connection: AMQPConnection, reason: String)
    }

    private enum Phase {
        case connecting, opening, open, closing, closed
    }

    /// Reads per wake-up, so that a flood of deliveries cannot starve the loop.
    private static let readsPerWakeUp = 8
    /// Bodies from this size get a slab of their own; smaller ones are slices of the read buffer.
    private static let ownSlabByteCount = 16 * 1024

    let channel: UInt16 = 1
    private(set) var output: OutputQueue
    private(set) var tuning = Tuning.proposal
    private let loop: EventLoop
    private let pool: SlabPool
    private let configuration: RabbitMQConfiguration
    private unowned var owner: (any Owner)?
    private var socket: StreamSocket?
    private var phase = Phase.connecting
    private var handshake: ConnectionHandshake
    private var decoder = FrameDecoder(maximumFrameByteCount: Int(Tuning.proposal.frameMaximum))
    private var input: ReadBuffer
    private var timer: LoopTimer?
    private var lastRead: MonotonicTime
    private var lastWrite: MonotonicTime
    private var isPaused = false

    // A body on its way.
    private var bodySlab: ByteSlab?
    private var bodyByteCount = 0
    private var bodyFilled = 0
    private var isInBody = false
    /// Bytes of the current body frame that have not arrived yet; its end octet follows.
    private var frameRemaining = 0
    private var isInBodyFrame = false

    init(
        loop: EventLoop,
        pool: SlabPool,
        configuration: RabbitMQConfiguration,
        name: String,
        owner: any Owner
    ) throws(LoopError) {
        self.loop = loop
        self.pool = pool
        self.configuration = configuration
        self.owner = owner
        self.output = OutputQueue(pool: pool)
        self.input = ReadBuffer(pool: pool)
        self.handshake = ConnectionHandshake(url: configuration.url, connectionName: name)
        self.lastRead = loop.now
        self.lastWrite = loop.now
        self.timer = try LoopTimer(loop: loop) { [unowned self] in self.timerFired() }
        let socket = StreamSocket(loop: loop, delegate: self)
        self.socket = socket
        self.timer?.start(after: configuration.connectionTimeout)
        socket.connect(
            host: configuration.url.host,
            port: configuration.url.port,
            tls: configuration.tls,
            timeout: configuration.connectionTimeout
        )
    }

    var isOpen: Bool { self.phase == .open }

    // MARK: Writing

    /// Appends a rare method.
    func send(_ method: ClientMethod, channel: UInt16) {
        do throws(AMQPError) {
            let frame = try method.frame(channel: channel)
            frame.withUnsafeBytes { self.output.append(copying: $0) }
        } catch {
            self.lose("\(error)")
        }
    }

    /// Appends frames written by hand.
    func write(_ body: (inout OutputQueue) -> Void) {
        body(&self.output)
    }

    func flush() {
        guard let socket = self.socket, socket.isOpen, !self.output.isEmpty else { return }
        self.lastWrite = self.loop.now
        do throws(StreamError) {
            _ = try self.output.flush(to: socket)
        } catch {
            // The owner hears of it in the next turn: what it does then must still be flushed.
            let reason = "\(error)"
            self.loop.atTurnEnd { [weak self] in self?.lose(reason) }
        }
    }

    /// Stops delivering and reading; parsing goes on later exactly where it stopped.
    func setPaused(_ isPaused: Bool) {
        guard isPaused != self.isPaused else { return }
        self.isPaused = isPaused
        self.socket?.setReading(!isPaused)
        guard !isPaused else { return }
        self.lastRead = self.loop.now
        self.loop.atTurnEnd { [weak self] in self?.parse() }
    }

    // MARK: Closing

    /// Says goodbye; `connectionLost` follows when the server has answered.
    func close() {
        guard self.phase == .open else {
            self.lose("closed")
            return
        }
        self.phase = .closing
        self.setPaused(false)
        self.send(.connectionClose, channel: 0)
        self.flush()
    }

    /// Ends the connection at once, without a word to the owner.
    func drop() {
        self.owner = nil
        self.end()
    }

    private func end() {
        self.phase = .closed
        self.timer = nil
        self.socket?.close()
        self.socket = nil
        self.output.removeAll()
    }

    private func lose(_ reason: String) {
        guard self.phase != .closed else { return }
        // The owner may release this object, whose timer may be calling.
        withExtendedLifetime((self, self.timer)) {
            self.end()
            let owner = self.owner
            self.owner = nil
            owner?.connectionLost(self, reason: reason)
        }
    }

    // MARK: Heartbeats (AMQP 0-9-1, 4.2.7)

    private func timerFired() {
        guard self.phase == .open || self.phase == .closing else {
            self.lose("the broker did not answer in time")
            return
        }
        let interval = Duration.seconds(Int64(self.tuning.heartbeatSeconds))
        let now = self.loop.now
        if !self.isPaused, now - self.lastRead > interval * 2 {
            self.lose("no sign of life from the broker for \(self.tuning.heartbeatSeconds * 2) s")
            return
        }
        if now - self.lastWrite >= interval / 2 {
            FrameWriter.heartbeat.withUnsafeBytes { self.output.append(copying: $0) }
            self.flush()
        }
        self.timer?.start(after: interval / 2)
    }

    private func opened(_ tuning: Tuning) {
        self.tuning = tuning
        self.decoder.maximumFrameByteCount = Int(tuning.frameMaximum)
        self.phase = .open
        if tuning.heartbeatSeconds > 0 {
            self.timer?.start(after: .seconds(Int64(tuning.heartbeatSeconds)) / 2)
        } else {
            self.timer?.stop()
        }
        self.owner?.connectionOpened(self)
    }

    // MARK: StreamSocket.Delegate

    func streamConnected(_ socket: StreamSocket) {
        self.phase = .opening
        FrameWriter.protocolHeader.withUnsafeBytes { self.output.append(copying: $0) }
        self.flush()
    }

    func streamFailed(_ socket: StreamSocket, _ error: StreamError) {
        self.lose("\(error)")
    }

    func streamWritable(_ socket: StreamSocket) {
        self.flush()
    }

    func streamReadable(_ socket: StreamSocket) {
        for _ in 0..<Self.readsPerWakeUp {
            guard self.phase != .closed, !self.isPaused else { return }
            let isDirect = self.isInBodyFrame && self.input.unreadByteCount == 0 && self.frameRemaining > 0
            let outcome = isDirect ? self.readIntoBody(socket) : socket.read(into: self.input.space(expecting: 0))
            switch outcome {
            case .bytes(let count, let more):
                if isDirect {
                    self.bodyFilled += count
                    self.frameRemaining -= count
                } else {
                    self.input.filled(count)
                }
                self.lastRead = self.loop.now
                self.parse()
                guard more else { return }
            case .wouldBlock:
                return
            case .endOfStream:
                self.lose(self.phase == .opening ? "the broker closed the connection" : "connection closed by peer")
                return
            case .failed(let error):
                self.lose("\(error)")
                return
            }
        }
        // Bytes that TLS has decrypted already would not wake the poll.
        guard self.configuration.url.isTLS else { return }
        self.loop.atTurnEnd { [weak self] in
            guard let self, let socket = self.socket, !self.isPaused else { return }
            self.streamReadable(socket)
        }
    }

    /// The rest of a body frame goes from the socket to its place.
    private func readIntoBody(_ socket: StreamSocket) -> StreamSocket.ReadOutcome {
        guard let slab = self.bodySlab else { preconditionFailure("a body frame without a body") }
        return socket.read(
            into: UnsafeMutableRawBufferPointer(start: slab.base + self.bodyFilled, count: self.frameRemaining)
        )
    }

    // MARK: Parsing

    private func parse() {
        do throws(AMQPError) {
            while !self.isPaused, self.phase != .closed, try self.parseOne() {}
        } catch {
            self.lose("\(error)")
        }
        // Replies to the handshake should not wait for the end of the turn of an owner that is not there yet.
        if self.phase == .opening { self.flush() }
    }

    /// Handles one frame, or a part of a body; false when more bytes are needed.
    private func parseOne() throws(AMQPError) -> Bool {
        if self.isInBodyFrame { return try self.continueBodyFrame() }
        let unread = self.input.unread
        guard unread.count >= FrameDecoder.headerByteCount else {
            if unread.count > 0 { _ = try self.decoder.scan(unread) }
            return false
        }
        let frame = try self.decoder.header(unread)
        if frame.kind == .body { return try self.startBodyFrame(frame, unread) }
        guard case .frame = try self.decoder.scan(unread) else { return false }
        let payload = UnsafeRawBufferPointer(
            rebasing: unread[FrameDecoder.headerByteCount..<FrameDecoder.headerByteCount + frame.payloadByteCount]
        )
        self.input.skip(frame.byteCount)
        switch frame.kind {
        case .method: try self.received(method: payload, channel: frame.channel)
        case .header: try self.received(header: payload)
        case .heartbeat, .body: break
        }
        return true
    }

    private func received(method payload: UnsafeRawBufferPointer, channel: UInt16) throws(AMQPError) {
        if channel == self.channel {
            // Methods of the connection itself may come between the frames of a message.
            guard !self.isInBody else { throw .unexpectedFrame(.method) }
            let method = try ContentMethod(payload)
            guard case .other = method else {
                self.owner?.connection(self, received: method, payload: payload)
                return
            }
        }
        let method = try ServerMethod(payload)
        guard channel == 0, self.phase != .open || method.isAboutClosing else {
            self.owner?.connection(self, received: method, channel: channel)
            return
        }
        self.received(connectionMethod: method)
    }

    private func received(connectionMethod method: ServerMethod) {
        if case .connectionCloseOk = method {
            self.lose("closed")
            return
        }
        if case .connectionClose(let reason) = method {
            self.send(.connectionCloseOk, channel: 0)
            self.flush()
            self.lose("\(reason)")
            return
        }
        guard self.phase == .opening else { return }
        switch self.handshake.received(method) {
        case .send(let methods): for method in methods { self.send(method, channel: 0) }
        case .opened(let tuning): self.opened(tuning)
        case .failed(let reason): self.lose(reason)
        }
    }

    private func received(header payload: UnsafeRawBufferPointer) throws(AMQPError) {
        guard !self.isInBody else { throw .unexpectedFrame(.header) }
        let header = try ContentHeader(payload)
        self.bodyByteCount = header.bodyByteCount
        self.bodyFilled = 0
        self.isInBody = true
        if header.bodyByteCount >= Self.ownSlabByteCount {
            self.bodySlab = self.pool.slab(atLeast: header.bodyByteCount)
        }
        self.owner?.connection(self, header: header, payload: payload)
        if header.bodyByteCount == 0 { self.finishBody(self.input.take(0)) }
    }

    private func startBodyFrame(_ frame: Frame, _ unread: UnsafeRawBufferPointer) throws(AMQPError) -> Bool {
        guard self.isInBody else { throw .unexpectedFrame(.body) }
        guard self.bodyFilled + frame.payloadByteCount <= self.bodyByteCount else { throw .bodyOverrun }
        let isWhole = self.bodyFilled == 0 && frame.payloadByteCount == self.bodyByteCount
        if self.bodySlab == nil, isWhole {
            guard case .frame = try self.decoder.scan(unread) else { return false }
            self.input.skip(FrameDecoder.headerByteCount)
            let body = self.input.take(self.bodyByteCount)
            self.input.skip(1)
            self.finishBody(body)
            return true
        }
        // A small body in several frames is unusual but legal.
        if self.bodySlab == nil { self.bodySlab = self.pool.slab(atLeast: self.bodyByteCount) }
        self.input.skip(FrameDecoder.headerByteCount)
        self.frameRemaining = frame.payloadByteCount
        self.isInBodyFrame = true
        return true
    }

    private func continueBodyFrame() throws(AMQPError) -> Bool {
        guard let slab = self.bodySlab else { preconditionFailure("a body frame without a body") }
        let unread = self.input.unread
        let count = min(unread.count, self.frameRemaining)
        if count > 0, let source = unread.baseAddress {
            (slab.base + self.bodyFilled).copyMemory(from: source, byteCount: count)
            self.input.skip(count)
            self.bodyFilled += count
            self.frameRemaining -= count
        }
        guard self.frameRemaining == 0, unread.count > count else { return false }
        guard unread[count] == FrameDecoder.endOctet else { throw .badFrameEnd(unread[count]) }
        self.input.skip(1)
        self.isInBodyFrame = false
        if self.bodyFilled == self.bodyByteCount {
            self.bodySlab = nil
            self.finishBody(slab.slice(0..<self.bodyByteCount))
        }
        return true
    }

    private func finishBody(_ body: ByteSlice) {
        self.isInBody = false
        self.bodySlab = nil
        self.owner?.connection(self, body: body)
    }
}

extension ServerMethod {
    /// Methods on channel 0 that end a connection, which the connection itself handles.
    fileprivate var isAboutClosing: Bool {
        switch self {
        case .connectionClose, .connectionCloseOk: true
        default: false
        }
    }
}
