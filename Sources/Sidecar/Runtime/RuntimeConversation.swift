/// What is outstanding on one connection to the runtime, and how its replies are framed (`sidecar.md` 8.1). Pure.
///
/// A frame is a 4-byte big-endian length and that many bytes of JSON, in both directions. When the connection breaks,
/// only the oldest unanswered request can have been started, and only if at least one of its bytes was written.
struct RuntimeConversation {
    /// Length prefix of a frame.
    static let headerByteCount = 4
    /// A longer reply is a read failure, not an allocation (`sidecar.md` 8.1).
    static let replyByteLimit = 512 * 1024 * 1024

    /// What the unread bytes of the connection amount to.
    enum Progress: Equatable {
        /// The frame needs this many bytes in all, header included.
        case incomplete(frameByteCount: Int)
        /// A reply of this many bytes stands behind the header.
        case reply(byteCount: Int)
        case invalid(reason: String)
    }

    /// Position in the outgoing stream where each outstanding request begins, oldest first.
    private var requestStarts: [UInt64] = []
    private var queuedByteCount: UInt64 = 0

    /// Requests without a whole reply.
    var outstandingCount: Int { self.requestStarts.count }

    /// A request with a body of this size was put into the output.
    mutating func queued(bodyByteCount: Int) {
        self.requestStarts.append(self.queuedByteCount)
        self.queuedByteCount += UInt64(Self.headerByteCount + bodyByteCount)
    }

    /// Examines the unread bytes.
    func examine(_ unread: UnsafeRawBufferPointer) -> Progress {
        guard unread.count >= Self.headerByteCount else {
            return .incomplete(frameByteCount: Self.headerByteCount)
        }
        guard self.outstandingCount > 0 else { return .invalid(reason: "unexpected data") }
        let length = Int(UInt32(bigEndian: unread.loadUnaligned(as: UInt32.self)))
        guard length <= Self.replyByteLimit else { return .invalid(reason: "frame too large") }
        guard unread.count >= Self.headerByteCount + length else {
            return .incomplete(frameByteCount: Self.headerByteCount + length)
        }
        return .reply(byteCount: length)
    }

    /// The oldest request was answered.
    mutating func answered() {
        precondition(!self.requestStarts.isEmpty, "a reply belongs to a request")
        self.requestStarts.removeFirst()
    }

    /// Whether the oldest outstanding request has left completely: what breaks afterwards concerns its reply.
    func oldestIsWritten(unwrittenByteCount: Int) -> Bool {
        guard !self.requestStarts.isEmpty else { return false }
        let end = self.requestStarts.count > 1 ? self.requestStarts[1] : self.queuedByteCount
        return self.queuedByteCount - UInt64(unwrittenByteCount) >= end
    }

    /// Whether the oldest outstanding request may have reached the handler.
    ///
    /// - Parameter unwrittenByteCount: bytes still in the output.
    func oldestMayHaveStarted(unwrittenByteCount: Int) -> Bool {
        guard let start = self.requestStarts.first else { return false }
        return self.queuedByteCount - UInt64(unwrittenByteCount) > start
    }
}
