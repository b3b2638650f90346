import Glibc
import Support

/// One reading of a sidecar's metrics page over the loopback interface, without ever blocking the main thread.
final class MetricsRequest {
    /// A page of a sidecar has a few kilobytes; custom metrics make it longer.
    private static let byteLimit = 256 * 1024
    static let timeout: Duration = .seconds(1)

    enum Progress {
        case waiting
        case finished(MetricsSample)
        case failed
    }

    let pair: PairID
    let deadline: Duration
    private(set) var descriptor: Int32
    private let namespace: String
    private var pending: [UInt8]
    private var received: [UInt8] = []

    /// Begins to connect; nil when that fails at once.
    init?(pair: PairID, port: Int, namespace: String, now: Duration) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(O_NONBLOCK | O_CLOEXEC), 0)
        guard descriptor >= 0 else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                connect(descriptor, generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        self.pair = pair
        self.deadline = now + Self.timeout
        self.descriptor = descriptor
        self.namespace = namespace
        self.pending = Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
    }

    deinit {
        close(self.descriptor)
    }

    /// What to poll for.
    var events: Int16 { Int16(self.pending.isEmpty ? POLLIN : POLLOUT) }

    /// Goes on as far as possible; call when the descriptor is ready.
    func proceed(buffer: inout [UInt8]) -> Progress {
        if !self.pending.isEmpty {
            let count = send(self.descriptor, self.pending, self.pending.count, Int32(MSG_NOSIGNAL))
            if count < 0 { return errno == EAGAIN || errno == EINTR ? .waiting : .failed }
            self.pending.removeFirst(count)
            return .waiting
        }
        let count = read(self.descriptor, &buffer, buffer.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .waiting : .failed }
        self.received.append(contentsOf: buffer[..<count])
        guard self.received.count <= Self.byteLimit else { return .failed }
        // The sidecar keeps the connection for a while, so the end of the page is where its length says.
        if let page = self.page { return .finished(MetricsSample(page: page, namespace: self.namespace)) }
        return count == 0 ? .failed : .waiting
    }

    /// The whole page, when it has arrived and is one.
    private var page: String? {
        self.received.withUnsafeBytes { bytes in
            var searched = 0
            guard let end = HTTPHead.end(in: bytes, searched: &searched),
                let head = HTTPHead(UnsafeRawBufferPointer(rebasing: bytes[..<end])),
                head.startLine.hasPrefix("HTTP/1.1 200"),
                let byteCount = head.values(of: "content-length").first.flatMap({ Int($0) }),
                byteCount >= 0, bytes.count - end >= byteCount
            else { return nil }
            return String(decoding: bytes[end..<(end + byteCount)], as: UTF8.self)
        }
    }

    /// A port of the loopback interface that is free now. Somebody may take it before the sidecar does: the sidecar
    /// then logs it and works without metrics.
    static func freePort() -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(O_CLOEXEC), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(descriptor, generic, byteCount) == 0 ? getsockname(descriptor, generic, &byteCount) : -1
            }
        }
        return status == 0 ? Int(in_port_t(bigEndian: address.sin_port)) : nil
    }
}
