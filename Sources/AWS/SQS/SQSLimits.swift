/// Limits of SendMessage and SendMessageBatch. They are settings, because AWS moves them: until August 2025 both a
/// message and a batch held 256 KiB, since then 1 MiB each (API reference of SendMessageBatch). Queues created before
/// keep the `MaximumMessageSize` they were created with, and emulators lag behind.
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
