import Glibc
import Testing

/// The other end of a Unix socket, in the same thread: accepts, reads and writes only when it is told to.
final class UnixPeer {
    /// A folder of its own, removed with the peer.
    let directory: String
    private(set) var listener: Int32 = -1
    /// Accepted connections in order; -1 once closed.
    private(set) var connections: [Int32] = []
    /// What arrived on each.
    private(set) var received: [[UInt8]] = []
    private(set) var endedByPeer: Set<Int> = []
    private var unsent: [[UInt8]] = []
    /// Size of the sockets' buffers, when they are to be small.
    var bufferByteCount: Int32?
    /// Bytes read at a time; 0 = nothing is read.
    var readLimit = 65_536
    /// Bytes written at a time.
    var writeLimit = 65_536

    init() throws {
        var template = Array("/tmp/asya-test.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw PeerError(operation: "mkdtemp", code: errno) }
        self.directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        self.stopListening()
        for index in self.connections.indices { self.close(index) }
        unlink(self.readyPath)
        rmdir(self.directory)
    }

    var socketPath: String { self.directory + "/asya-runtime.sock" }
    var readyPath: String { self.directory + "/runtime-ready" }

    func writeReadyFile(_ text: String) throws {
        let file = open(self.readyPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw PeerError(operation: "open", code: errno) }
        let bytes = Array(text.utf8)
        let count = Glibc.write(file, bytes, bytes.count)
        Glibc.close(file)
        guard count == bytes.count else { throw PeerError(operation: "write", code: errno) }
    }

    func removeReadyFile() {
        unlink(self.readyPath)
    }

    func listen() throws {
        self.listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        if let count = self.bufferByteCount { self.shrink(self.listener, to: count) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: self.socketPath.utf8) }
        let result = withUnsafePointer(to: address) { pointer in
            bind(
                self.listener,
                UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_un>.size)
            )
        }
        guard result == 0, Glibc.listen(self.listener, 8) == 0 else {
            throw PeerError(operation: "listen", code: errno)
        }
    }

    /// The runtime's process is gone; its files may stay behind.
    func stopListening(removingSocket: Bool = true) {
        if self.listener >= 0 { Glibc.close(self.listener) }
        self.listener = -1
        if removingSocket { unlink(self.socketPath) }
    }

    private func shrink(_ descriptor: Int32, to byteCount: Int32) {
        var count = byteCount
        for option in [SO_SNDBUF, SO_RCVBUF] {
            setsockopt(descriptor, SOL_SOCKET, option, &count, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    // MARK: Traffic

    /// Accepts who is waiting, reads what has arrived and writes what fits.
    func work() {
        self.accept()
        for index in self.connections.indices where self.connections[index] >= 0 {
            self.read(index)
            self.writeUnsent(index)
        }
    }

    func accept() {
        while self.listener >= 0 {
            let descriptor = Glibc.accept(self.listener, nil, nil)
            guard descriptor >= 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { return }
            if let count = self.bufferByteCount { self.shrink(descriptor, to: count) }
            self.connections.append(descriptor)
            self.received.append([])
            self.unsent.append([])
        }
    }

    private func read(_ index: Int) {
        guard self.readLimit > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: self.readLimit)
        let count = Glibc.read(self.connections[index], &buffer, buffer.count)
        if count > 0 { self.received[index].append(contentsOf: buffer[..<count]) }
        if count == 0 { self.endedByPeer.insert(index) }
    }

    func send(_ bytes: [UInt8], on index: Int) {
        self.unsent[index].append(contentsOf: bytes)
    }

    private func writeUnsent(_ index: Int) {
        guard !self.unsent[index].isEmpty else { return }
        let piece = Array(self.unsent[index].prefix(self.writeLimit))
        let count = Glibc.send(self.connections[index], piece, piece.count, Int32(MSG_NOSIGNAL))
        if count > 0 { self.unsent[index].removeFirst(count) }
    }

    func close(_ index: Int) {
        guard self.connections[index] >= 0 else { return }
        Glibc.close(self.connections[index])
        self.connections[index] = -1
    }

    // MARK: Frames

    /// The whole frames that arrived on a connection.
    func frames(_ index: Int) -> [String] {
        guard self.received.indices.contains(index) else { return [] }
        var rest = self.received[index][...]
        var frames: [String] = []
        while rest.count >= 4 {
            let count = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4 + count else { break }
            frames.append(String(decoding: rest.dropFirst(4).prefix(count), as: UTF8.self))
            rest = rest.dropFirst(4 + count)
        }
        return frames
    }

    static func frame(_ text: String) -> [UInt8] {
        let body = Array(text.utf8)
        return withUnsafeBytes(of: UInt32(body.count).bigEndian, Array.init) + body
    }
}

struct PeerError: Error {
    var operation: String
    var code: Int32
}
