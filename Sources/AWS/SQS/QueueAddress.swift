import Support

/// A queue as requests name it: its URL, and the JSON text of it, written once.
public struct QueueAddress: Sendable, Equatable {
    /// The URL that the service gave.
    public let url: String
    /// Last segment of the URL.
    public let name: String
    /// `"https://…"` with quotes.
    let json: [UInt8]

    /// Whether this is a FIFO queue, which SQS tells by the name.
    public var isFIFO: Bool { self.name.hasSuffix(".fifo") }

    /// The queue at this URL.
    public init(url: String) {
        self.url = url
        self.name = String(url[(url.lastIndex(of: "/").map { url.index(after: $0) } ?? url.startIndex)...])
        var json: [UInt8] = []
        JSONWriter.appendString(url, to: &json)
        self.json = json
    }
}

/// Group and deduplication of one message in a FIFO queue, which are required there and refused elsewhere.
///
/// The specification names no FIFO rules, so these keep its promises: messages of one envelope stay in order, different
/// envelopes do not wait for each other (one group per envelope id), and the same bytes sent again within five minutes,
/// because the first reply was lost, are stored once (the deduplication id is their SHA-256). An envelope that passes a
/// queue twice differs in its route's `current`, so it is never taken for a repetition.
public struct FIFOPlacement: Sendable, Equatable {
    /// Longest group or deduplication id.
    public static let idByteLimit = 128

    /// `MessageGroupId`.
    public let groupID: String
    /// `MessageDeduplicationId`.
    public let deduplicationID: String

    /// The placement of a message. An id that SQS does not take as a group (empty, too long, characters other than
    /// letters, digits and punctuation) is replaced by its SHA-256.
    public init(messageID: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer) {
        let isUsable =
            !messageID.isEmpty && messageID.count <= Self.idByteLimit
            && messageID.allSatisfy { (0x21...0x7E).contains($0) }
        self.groupID = isUsable ? String(decoding: messageID, as: UTF8.self) : Self.digestText(of: messageID)
        self.deduplicationID = Self.digestText(of: body)
    }

    /// A placement by ids that are known to be good.
    init(groupID: String, deduplicationID: String) {
        self.groupID = groupID
        self.deduplicationID = deduplicationID
    }

    private static func digestText(of bytes: UnsafeRawBufferPointer) -> String {
        var digits: [UInt8] = []
        SHA256Hash.digest(of: bytes).appendHexadecimal(to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }
}

/// A text attribute of a message, for instance `traceparent`. Its bytes are lent for the call.
public struct MessageAttribute {
    /// Attributes of one message; the service's own number.
    public static let countLimit = 10

    let name: StaticString
    let value: UnsafeRawBufferPointer

    /// An attribute of type `String`. The value must not be empty.
    public init(name: StaticString, value: UnsafeRawBufferPointer) {
        precondition(!value.isEmpty, "SQS refuses empty attribute values: leave the attribute out")
        self.name = name
        self.value = value
    }

    /// What the attribute adds to the size of its message: name, type and value.
    public var byteCount: Int { self.name.utf8CodeUnitCount + "String".utf8.count + self.value.count }
}
