import Glibc
import Support

/// One question to a process of ours over the loopback interface, without ever blocking the main thread.
final class LoopbackRequest {
    /// What is asked, and of whom.
    enum Question: Equatable {
        /// The counters of a pair's sidecar, in this namespace.
        case counters(PairID, namespace: String)
        /// Whether the gateway is ready.
        case gatewayReadiness

        var path: String {
            switch self {
            case .counters: "/metrics"
            case .gatewayReadiness: "/ready"
            }
        }
    }

    /// A metrics page of a sidecar has a few kilobytes; custom metrics make it longer.
    private static let byteLimit = 256 * 1024
    static let timeout: Duration = .seconds(1)

    enum Progress {
        case waiting
        case finished(Answer)
        case failed
    }

    struct Answer: Equatable {
        var status: Int
        var body: String
    }

    let question: Question
    let deadline: Duration
    private(set) var descriptor: Int32
    private var pending: [UInt8]
    private var received: [UInt8] = []

    /// Begins to connect; nil when that fails at once.
    init?(_ question: Question, port: Int, now: Duration) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(O_NONBLOCK | O_CLOEXEC), 0)
        guard descriptor >= 0 else { return nil }
        let status = LoopbackPort.withAddress(port: port) { connect(descriptor, $0, $1) }
        guard status == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        self.question = question
        self.deadline = now + Self.timeout
        self.descriptor = descriptor
        let head = "GET \(question.path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        self.pending = Array(head.utf8)
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
        if let answer = self.answer { return .finished(answer) }
        return count == 0 ? .failed : .waiting
    }

    /// The whole answer, when it has arrived and is one.
    private var answer: Answer? {
        self.received.withUnsafeBytes { bytes in
            var searched = 0
            guard let end = HTTPHead.end(in: bytes, searched: &searched),
                let head = HTTPHead(UnsafeRawBufferPointer(rebasing: bytes[..<end])),
                head.startLine.hasPrefix("HTTP/1.1 "), let status = Int(head.startLine.dropFirst(9).prefix(3)),
                let byteCount = head.values(of: "content-length").first.flatMap({ Int($0) }),
                byteCount >= 0, bytes.count - end >= byteCount
            else { return nil }
            return Answer(status: status, body: String(decoding: bytes[end..<(end + byteCount)], as: UTF8.self))
        }
    }
}
