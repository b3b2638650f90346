/// A refusal by the service, of a whole request or of one entry of a batch.
public struct SQSError: Error, Sendable, Equatable {
    /// What a refusal means for us. Decisions depend on this alone (`RequestRetry`).
    public enum Kind: Sendable, Equatable, CaseIterable {
        /// The queue is not there, or not visible to these credentials.
        case queueDoesNotExist
        /// A queue of this name was deleted less than 60 s ago; creating it works later.
        case queueDeletedRecently
        /// A queue of this name exists with other attributes.
        case queueNameExists
        /// Too many requests, at the service or at the queue's encryption key.
        case throttled
        /// The service failed; the request may have taken effect.
        case serverFault
        /// Temporary credentials have ended.
        case expiredToken
        /// The access key does not exist, or the session token is not one of its own.
        case invalidCredentials
        /// The signature is wrong: a wrong secret key or, when the clocks differ, a wrong time.
        case signatureMismatch
        /// The time of the request is too far from the service's.
        case clockSkew
        /// The credentials are good and not allowed to do this.
        case accessDenied
        /// The queue's encryption key is disabled, missing or forbidden.
        case encryptionKeyUnusable
        /// Too many messages in flight (120,000; 20,000 FIFO) or another quota.
        case overLimit
        /// A batch whose messages add up to more than the limit.
        case batchTooLong
        /// A message above the limit of queue or service.
        case messageTooLong
        /// The body or an attribute holds characters that SQS does not carry.
        case invalidMessageContents
        /// The receipt handle is malformed, of another queue, or expired: the delivery is no longer ours.
        case receiptHandleInvalid
        /// The message is not in flight, so its visibility cannot be changed.
        case messageNotInFlight
        /// A queue was purged less than 60 s ago.
        case purgeInProgress
        /// Any other refusal; the same request would be refused again.
        case rejected
    }

    /// What it means.
    public let kind: Kind
    /// The service's own word without namespace, for logs: `QueueDoesNotExist`.
    public let code: String
    /// The service's sentence, cut off at `messageByteLimit`.
    public let message: String
    /// HTTP status; 0 for an entry of a batch.
    public let status: Int

    /// Longest message kept: enough for a log line.
    public static let messageByteLimit = 512

    /// A refusal as classified by `ErrorClassification`.
    public init(kind: Kind, code: String, message: String, status: Int) {
        self.kind = kind
        self.code = code
        self.message = message
        self.status = status
    }

    /// The limit that `messageTooLong` and `batchTooLong` name in their sentence, as in
    /// `Message must be shorter than 262144 bytes` (`sidecar.md` 7.2: the limit is learnt from the rejection).
    public var byteLimit: Int? {
        guard self.kind == .messageTooLong || self.kind == .batchTooLong else { return nil }
        let words = self.message.split(separator: " ")
        guard let than = words.firstIndex(of: "than"), than + 1 < words.count else { return nil }
        guard let limit = Int(words[than + 1]), limit > 0 else { return nil }
        return limit
    }
}

extension SQSError: CustomStringConvertible {
    /// For instance `QueueDoesNotExist (status 400): The specified queue does not exist.`
    public var description: String {
        let place = self.status == 0 ? "" : " (status \(self.status))"
        return self.message.isEmpty ? "\(self.code)\(place)" : "\(self.code)\(place): \(self.message)"
    }
}
