/// Limits of SendMessage and SendMessageBatch. They are settings, because AWS moves them: until August 2025 both a
/// message and a batch held 256 KiB, since then 1 MiB each (API reference of SendMessageBatch). Queues created before keep the
/// `MaximumMessageSize` they were created with, and emulators lag behind.
public struct SQSLimits: Sendable, Equatable {
    /// Messages of one batch; the service's own number.
    public static let batchEntryLimit = 10

    /// Sum of the message bytes of one batch, bodies and attributes. 256 KiB is good everywhere; a larger
    /// message goes alone.
    public var batchByteLimit: Int
    /// Bytes of one message, body and attributes.
    public var messageByteLimit: Int

    /// The safe batch of 256 KiB and the message of 1 MiB that current endpoints take.
    public init(batchByteLimit: Int = 256 * 1024, messageByteLimit: Int = 1024 * 1024) {
        precondition(batchByteLimit > 0 && messageByteLimit > 0, "limits are positive")
        self.batchByteLimit = batchByteLimit
        self.messageByteLimit = messageByteLimit
    }

    /// Takes a limit over that the service named when it refused a message or a batch.
    public mutating func learn(from error: SQSError) {
        guard let limit = error.byteLimit else { return }
        switch error.kind {
        case .batchTooLong: self.batchByteLimit = min(self.batchByteLimit, limit)
        case .messageTooLong:
            self.messageByteLimit = min(self.messageByteLimit, limit)
            self.batchByteLimit = min(self.batchByteLimit, limit)
        default: break
        }
    }
}

/// Packs messages for one queue into batches: says where each goes, holds none of them.
public struct BatchPacker: Sendable, Equatable {
    /// Where a message goes.
    public enum Placement: Sendable, Equatable {
        /// Into the open batch, as the entry with this index.
        case entry(Int)
        /// The open batch is full: send it, `clear`, and ask again.
        case batchIsFull
        /// Too large for any batch: alone, by SendMessage.
        case alone
        /// Above the limit of a message: not to be sent.
        case tooLong(limit: Int)
    }

    /// What the batches are packed by; a change counts from the next message on.
    public var limits: SQSLimits
    /// Entries of the open batch.
    public private(set) var entryCount = 0
    /// Message bytes of the open batch.
    public private(set) var byteCount = 0

    /// An empty batch.
    public init(limits: SQSLimits = SQSLimits()) {
        self.limits = limits
    }

    /// Whether no further message fits, whatever its size.
    public var isFull: Bool {
        self.entryCount == SQSLimits.batchEntryLimit || self.byteCount >= self.limits.batchByteLimit
    }

    /// Places a message of this many bytes, attributes included.
    public mutating func place(byteCount: Int) -> Placement {
        if byteCount > self.limits.messageByteLimit { return .tooLong(limit: self.limits.messageByteLimit) }
        if byteCount > self.limits.batchByteLimit { return .alone }
        if self.entryCount == SQSLimits.batchEntryLimit { return .batchIsFull }
        if self.byteCount + byteCount > self.limits.batchByteLimit { return .batchIsFull }
        self.byteCount += byteCount
        self.entryCount += 1
        return .entry(self.entryCount - 1)
    }

    /// The batch was sent; an empty one is open.
    public mutating func clear() {
        self.entryCount = 0
        self.byteCount = 0
    }
}
