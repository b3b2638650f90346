import CUVShim
import Glibc

/// A non-blocking stream connection (TCP, TCP with TLS, or a Unix socket) on the loop.
///
/// Life: `connect…` once, then `streamConnected`, any number of `streamReadable` and `streamWritable`, and at most one
/// `streamFailed`. After `close()` no event arrives any more. The owner reads and writes; nothing is buffered here.
final class StreamSocket {
    /// Receives the events of one or more sockets, on the loop thread.
    protocol Delegate: AnyObject {
        /// The connection (with TLS: the handshake) is complete; reading is enabled.
        func streamConnected(_ socket: StreamSocket)
        /// Call `read` until it reports less than it could have.
        func streamReadable(_ socket: StreamSocket)
        /// Room again after a write that left the socket full.
        func streamWritable(_ socket: StreamSocket)
        /// Connecting failed. Read and write errors are returned by those calls instead. The socket is closed.
        func streamFailed(_ socket: StreamSocket, _ error: StreamError)
    }

    /// What one `read` brought.
    enum ReadOutcome: Equatable {
        /// `more` tells that another read may return bytes at once; without it wait for `streamReadable`.
        case bytes(Int, more: Bool)
        case wouldBlock
        case endOfStream
        case failed(StreamError)
    }

    /// How much one `write` took. With `isSocketFull` set, `streamWritable` follows.
    struct WriteOutcome: Equatable {
        var taken: Int
        var isSocketFull: Bool
    }

    private enum State {
        case idle, resolving, connecting, handshaking, open, closed
    }

    private let loop: EventLoop
    /// Unowned: the delegate owns the socket. (Weak would move its reference count to a slow side table.)
    private unowned let delegate: any Delegate
    private var state = State.idle
    private var descriptor: Int32 = -1
    private var poll: DescriptorPoll?
    private var timeout: LoopTimer?
    private var lookup: AddressLookup?
    private var candidates: [SocketAddress] = []
    private var isTCP = false
    private var tlsSettings: TLSSettings?
    private var tls: OpaquePointer?
    private var isReadingEnabled = true
    private var wantsWritable = false
    /// TLS may have to write before it can read on, and the reverse.
    private var readWaitsForWrite = false
    private var writeWaitsForRead = false

    /// `delegate` owns the socket and outlives it.
    init(loop: EventLoop, delegate: any Delegate) {
        self.loop = loop
        self.delegate = delegate
    }

    /// Takes over a connection that a listening TCP socket has accepted. It is open from the start, so
    /// `streamConnected` does not follow. The descriptor is this object's, and closed when the call fails.
    init(loop: EventLoop, accepted descriptor: Int32, delegate: any Delegate) throws(LoopError) {
        self.loop = loop
        self.delegate = delegate
        self.descriptor = descriptor
        self.isTCP = true
        self.state = .open
        // A connection without these options still works, only slower or noticed dead later.
        _ = cuvshim_tune_tcp(descriptor)
        self.poll = try DescriptorPoll(loop: loop, descriptor: descriptor) { [unowned self] ready in
            self.polled(ready)
        }
        self.updateInterest()
    }

    deinit {
        self.close()
    }

    var isOpen: Bool { self.state == .open }

    // MARK: Connecting

    /// Connects to a host name or address; tries each address of a name in turn.
    func connect(host: String, port: Int, tls: TLSSettings?, timeout: Duration) {
        precondition(self.state == .idle, "a socket connects once")
        self.tlsSettings = tls
        self.isTCP = true
        self.state = .resolving
        self.startTimeout(timeout)
        self.lookup = AddressLookup(loop: self.loop, host: host, port: port) { [unowned self] result in
            self.lookup = nil
            switch result {
            case .success(let addresses):
                self.candidates = addresses.reversed()
                self.connectToNextCandidate(lastError: .unresolvable(host: host, reason: "no address"))
            case .failure(let error):
                self.fail(error)
            }
        }
        self.lookup?.start()
    }

    /// Connects to a Unix socket. Fails through `streamFailed`, also when nobody listens.
    func connect(unixPath path: String, timeout: Duration) {
        precondition(self.state == .idle, "a socket connects once")
        self.startTimeout(timeout)
        var isInProgress: Int32 = 0
        let result = cuvshim_connect_unix(path, &isInProgress)
        guard result >= 0 else {
            // Not from inside the caller's own call: it could not have stored the socket yet.
            self.state = .connecting
            self.loop.atTurnEnd { [weak self] in self?.fail(.connectFailed(code: result)) }
            return
        }
        self.connectStarted(result)
    }

    private func startTimeout(_ duration: Duration) {
        self.timeout = try? LoopTimer(loop: self.loop) { [unowned self] in
            self.fail(.connectFailed(code: -ETIMEDOUT))
        }
        // Without memory for a timer the connection still works; it only lacks its time limit.
        self.timeout?.start(after: duration)
    }

    private func connectToNextCandidate(lastError: StreamError) {
        guard let address = self.candidates.popLast() else {
            self.fail(lastError)
            return
        }
        var isInProgress: Int32 = 0
        let result = address.withPointer { cuvshim_connect_address($0, &isInProgress) }
        guard result >= 0 else {
            self.connectToNextCandidate(lastError: .connectFailed(code: result))
            return
        }
        self.connectStarted(result)
    }

    private func connectStarted(_ descriptor: Int32) {
        self.descriptor = descriptor
        self.state = .connecting
        do throws(LoopError) {
            let poll = try DescriptorPoll(loop: self.loop, descriptor: descriptor) { [unowned self] ready in
                self.polled(ready)
            }
            self.poll = poll
            poll.wait(for: .writable)
        } catch {
            self.loop.atTurnEnd { [weak self] in self?.fail(.connectFailed(code: -ENOMEM)) }
        }
    }

    private func connectFinished() {
        let error = cuvshim_socket_error(self.descriptor)
        guard error == 0 else {
            self.dropDescriptor()
            self.connectToNextCandidate(lastError: .connectFailed(code: error))
            return
        }
        // A connection without these options still works, only slower or noticed dead later.
        if self.isTCP { _ = cuvshim_tune_tcp(self.descriptor) }
        guard let settings = self.tlsSettings else {
            self.opened()
            return
        }
        self.startHandshake(settings)
    }

    private func opened() {
        self.state = .open
        self.timeout = nil
        self.candidates = []
        self.updateInterest()
        self.delegate.streamConnected(self)
    }

    // MARK: TLS

    private func startHandshake(_ settings: TLSSettings) {
        var reason = [CChar](repeating: 0, count: 256)
        self.tls = cuvshim_tls_new(
            self.descriptor,
            settings.serverName,
            settings.caFile,
            settings.certificateFile,
            settings.keyFile,
            settings.verifiesPeer ? 1 : 0,
            &reason,
            reason.count
        )
        guard self.tls != nil else {
            self.fail(.tlsFailed(reason: text(of: reason)))
            return
        }
        self.state = .handshaking
        self.continueHandshake()
    }

    private func continueHandshake() {
        var reason = [CChar](repeating: 0, count: 256)
        var wants: Int32 = 0
        let result = cuvshim_tls_handshake(self.tls, &wants, &reason, reason.count)
        if result == 0 {
            self.opened()
        } else if result == -EAGAIN {
            self.poll?.wait(for: wants == Int32(CUVSHIM_TLS_WANTS_WRITE) ? .writable : .readable)
        } else {
            self.fail(.tlsFailed(reason: text(of: reason)))
        }
    }

    // MARK: Reading and writing

    /// Turns `streamReadable` on or off; the peer is slowed down by TCP while it is off.
    func setReading(_ isEnabled: Bool) {
        guard isEnabled != self.isReadingEnabled else { return }
        self.isReadingEnabled = isEnabled
        guard self.state == .open else { return }
        self.updateInterest()
        // Bytes that TLS has decrypted already would not wake the poll.
        if isEnabled, let tls = self.tls, cuvshim_tls_pending(tls) > 0 {
            self.loop.atTurnEnd { [weak self] in
                guard let self, self.state == .open, self.isReadingEnabled else { return }
                self.delegate.streamReadable(self)
            }
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        guard self.state == .open else { return .endOfStream }
        guard let tls = self.tls else {
            let count = cuvshim_read(self.descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count, more: count == buffer.count) }
            if count == 0 { return .endOfStream }
            return count == -Int(EAGAIN) ? .wouldBlock : .failed(.readFailed(code: Int32(count)))
        }
        var wants: Int32 = 0
        let count = cuvshim_tls_read(tls, buffer.baseAddress, buffer.count, &wants)
        self.readWaitsForWrite = wants == Int32(CUVSHIM_TLS_WANTS_WRITE)
        self.updateInterest()
        if count > 0 { return .bytes(count, more: count == buffer.count || cuvshim_tls_pending(tls) > 0) }
        if count == 0 { return .endOfStream }
        return count == -Int(EAGAIN) ? .wouldBlock : .failed(.readFailed(code: Int32(count)))
    }

    /// Offers the vectors to the socket.
    func write(_ vectors: UnsafeBufferPointer<iovec>) -> Result<WriteOutcome, StreamError> {
        guard self.state == .open else { return .failure(.notConnected) }
        var offered = 0
        for vector in vectors { offered += vector.iov_len }
        var wants: Int32 = Int32(CUVSHIM_TLS_WANTS_WRITE)
        let count =
            self.tls.map { cuvshim_tls_writev($0, vectors.baseAddress, Int32(vectors.count), &wants) }
            ?? cuvshim_writev(self.descriptor, vectors.baseAddress, Int32(vectors.count))
        guard count >= 0 || count == -Int(EAGAIN) else { return .failure(.writeFailed(code: Int32(count))) }
        let taken = max(count, 0)
        // A TLS write takes one record at a time: short does not mean full there.
        let isFull = self.tls == nil ? taken < offered : count < 0
        self.writeWaitsForRead = isFull && wants == Int32(CUVSHIM_TLS_WANTS_READ)
        self.wantsWritable = isFull && !self.writeWaitsForRead
        self.updateInterest()
        return .success(WriteOutcome(taken: taken, isSocketFull: isFull))
    }

    private func polled(_ ready: DescriptorPoll.Interest) {
        switch self.state {
        case .connecting:
            self.connectFinished()
        case .handshaking:
            self.continueHandshake()
        case .open:
            self.deliver(ready)
        case .idle, .resolving, .closed:
            break
        }
    }

    private func deliver(_ ready: DescriptorPoll.Interest) {
        let canRead = ready.contains(.readable) || (self.readWaitsForWrite && ready.contains(.writable))
        let canWrite =
            (self.wantsWritable && ready.contains(.writable)) || (self.writeWaitsForRead && ready.contains(.readable))
        if canWrite {
            self.wantsWritable = false
            self.writeWaitsForRead = false
            self.updateInterest()
            self.delegate.streamWritable(self)
        }
        if canRead, self.isReadingEnabled, self.state == .open { self.delegate.streamReadable(self) }
    }

    private func updateInterest() {
        var interest: DescriptorPoll.Interest = []
        if self.isReadingEnabled || self.writeWaitsForRead { interest.insert(.readable) }
        if self.wantsWritable || self.readWaitsForWrite { interest.insert(.writable) }
        self.poll?.wait(for: interest)
    }

    // MARK: Closing

    /// Ends the connection at once. No event follows.
    func close() {
        guard self.state != .closed else { return }
        self.state = .closed
        self.timeout = nil
        self.lookup?.cancel()
        self.lookup = nil
        self.dropDescriptor()
    }

    private func dropDescriptor() {
        if let tls = self.tls { cuvshim_tls_free(tls) }
        self.tls = nil
        self.poll?.stop()
        self.poll = nil
        if self.descriptor >= 0 { cuvshim_close(self.descriptor) }
        self.descriptor = -1
    }

    private func fail(_ error: StreamError) {
        guard self.state != .closed, self.state != .open else { return }
        // Closing may release the last reference to the timer that is calling.
        withExtendedLifetime(self.timeout) {
            self.close()
            self.delegate.streamFailed(self, error)
        }
    }
}

private func text(of characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
