import COpenSSL
public import Envelope

/// One message of a ReceiveMessage reply: where its parts stand in the reply's bytes, which every operation asks for.
/// The body is decoded once, by `body.decode(in:into:)`, into memory of the caller.
public struct ReceivedMessage: Sendable {
    /// The message's bytes, escaped. `contents.count` of it is an upper bound of what decoding writes.
    public let body: StringToken
    /// Names this delivery; its `range` with quotes is what `MessageRequestWriter` splices.
    public let receiptHandle: StringToken
    /// The service's id of the message.
    public let messageID: StringToken?
    /// Hexadecimal MD5 of the decoded body.
    public let bodyMD5: StringToken?
    /// Deliveries so far, this one included; 1 when the service does not say.
    public let receiveCount: Int
    /// `MessageGroupId`; only in a FIFO queue.
    public let groupID: StringToken?
    /// When the message was sent, in milliseconds since 1970.
    public let sentMilliseconds: Int64?
    private let attributes: JSONValue?

    /// Reads one element of `Messages`; nil when body or receipt handle are missing.
    init?(_ message: JSONValue, in bytes: UnsafeRawBufferPointer) {
        guard let members = message.members(in: bytes) else { return nil }
        var tokens = Tokens()
        for (name, value) in members {
            if name.isNamed("Body", in: bytes) {
                tokens.body = value.string
            } else if name.isNamed("ReceiptHandle", in: bytes) {
                tokens.receiptHandle = value.string
            } else if name.isNamed("MessageId", in: bytes) {
                tokens.messageID = value.string
            } else if name.isNamed("MD5OfBody", in: bytes) {
                tokens.bodyMD5 = value.string
            } else if name.isNamed("Attributes", in: bytes) {
                tokens.system = value
            } else if name.isNamed("MessageAttributes", in: bytes) {
                tokens.attributes = value
            }
        }
        guard let body = tokens.body, let receiptHandle = tokens.receiptHandle, !receiptHandle.isEmpty else {
            return nil
        }
        self.body = body
        self.receiptHandle = receiptHandle
        self.messageID = tokens.messageID
        self.bodyMD5 = tokens.bodyMD5
        self.attributes = tokens.attributes
        let system = SystemAttributes(tokens.system, in: bytes)
        self.receiveCount = system.receiveCount
        self.groupID = system.groupID
        self.sentMilliseconds = system.sentMilliseconds
    }

    private struct SystemAttributes {
        var receiveCount = 1
        var groupID: StringToken?
        var sentMilliseconds: Int64?

        init(_ attributes: JSONValue?, in bytes: UnsafeRawBufferPointer) {
            guard let members = attributes?.members(in: bytes) else { return }
            for (name, value) in members {
                if name.isNamed("ApproximateReceiveCount", in: bytes) {
                    guard let count = value.string?.decimal(in: bytes) else { continue }
                    self.receiveCount = Int(clamping: max(count, 1))
                } else if name.isNamed("SentTimestamp", in: bytes) {
                    self.sentMilliseconds = value.string?.decimal(in: bytes)
                } else if name.isNamed("MessageGroupId", in: bytes) {
                    self.groupID = value.string
                }
            }
        }
    }

    private struct Tokens {
        var body: StringToken?
        var receiptHandle: StringToken?
        var messageID: StringToken?
        var bodyMD5: StringToken?
        var system: JSONValue?
        var attributes: JSONValue?
    }

    /// The text of a message attribute.
    func attribute(_ name: StaticString, in bytes: UnsafeRawBufferPointer) -> StringToken? {
        guard let attributes = self.attributes?.members(in: bytes) else { return nil }
        for (attributeName, attribute) in attributes where attributeName.isNamed(name, in: bytes) {
            guard let members = attribute.members(in: bytes) else { return nil }
            for (memberName, value) in members where memberName.isNamed("StringValue", in: bytes) {
                return value.string
            }
        }
        return nil
    }

    /// Whether the decoded body is what was sent, by its MD5 (`sidecar.md` 7.2). A reply without one passes.
    public func matchesMD5(decodedBody: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard let expected = self.bodyMD5 else { return true }
        let digits = UnsafeRawBufferPointer(rebasing: bytes[expected.contents])
        guard digits.count == 2 * Int(MD5_DIGEST_LENGTH) else { return false }
        return withUnsafeTemporaryAllocation(byteCount: Int(MD5_DIGEST_LENGTH), alignment: 1) { digest in
            guard let start = digest.baseAddress else { return false }
            MD5(
                decodedBody.baseAddress?.assumingMemoryBound(to: UInt8.self),
                decodedBody.count,
                start.assumingMemoryBound(to: UInt8.self)
            )
            for (index, byte) in digest.enumerated() {
                guard Hexadecimal.value(digits[2 * index]) == byte >> 4 else { return false }
                guard Hexadecimal.value(digits[2 * index + 1]) == byte & 15 else { return false }
            }
            return true
        }
    }
}

/// The reply to ReceiveMessage.
public enum ReceiveReply {
    /// Largest reply that is read: ten messages of 1 MiB, each byte of which may be escaped as six, and the rest.
    public static let byteLimit = 64 * 1024 * 1024

    /// Replaces what `messages` holds by the messages of a reply; its storage is kept. A reply without any is empty.
    public static func read(
        _ bytes: UnsafeRawBufferPointer,
        into messages: inout [ReceivedMessage]
    ) throws(RequestFailure) {
        messages.removeAll(keepingCapacity: true)
        for (name, value) in try ReplyBody.members(of: bytes) where name.isNamed("Messages", in: bytes) {
            if value.kind == .null { continue }
            guard let elements = value.elements(in: bytes) else {
                throw .malformedReply("Messages is not an array")
            }
            for element in elements {
                guard let message = ReceivedMessage(element, in: bytes) else {
                    throw .malformedReply("a message without body or receipt handle")
                }
                guard messages.count < ReceiveOptions.messageBounds.upperBound else {
                    throw .malformedReply("more than ten messages")
                }
                messages.append(message)
            }
        }
    }
}
