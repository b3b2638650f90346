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
    public var isFIFO: Bool { Self.isFIFO(queueName: self.name) }

    /// The same before the URL is known.
    public static func isFIFO(queueName: String) -> Bool { queueName.hasSuffix(".fifo") }

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
/// The specification names no FIFO rules, so these keep its promises. A message stays in the group in which it came, from
/// queue to queue; what comes without one is grouped by the envelope's id, so that different envelopes do not wait for
/// each other. The same bytes sent again within five minutes, because a reply was lost, are stored once: the
/// deduplication id is their SHA-256. The delivery they are derived from goes into it, so that a handler that sends an
/// envelope back to its queue unchanged, or a message that is redriven and fails once more, is not taken for a repetition
/// and lost.
public struct FIFOPlacement: Sendable, Equatable {
    /// Longest group or deduplication id.
    public static let idByteLimit = 128

    /// `MessageGroupId`.
    public let groupID: String
    /// `MessageDeduplicationId`.
    public let deduplicationID: String

    /// The placement of a message. An id that SQS does not take as a group (empty, too long, characters other than
    /// letters, digits and punctuation) is replaced by its SHA-256.
    ///
    /// - Parameters:
    ///   - group: the group it came in, or the envelope's id.
    ///   - source: tells the message that it is derived from apart from others; nil when there is none.
    public init(group: UnsafeRawBufferPointer, source: UInt64? = nil, body: UnsafeRawBufferPointer) {
        let isUsable =
            !group.isEmpty && group.count <= Self.idByteLimit && group.allSatisfy { (0x21...0x7E).contains($0) }
        self.groupID =
            isUsable ? String(decoding: group, as: UTF8.self) : Self.digestText(of: SHA256Hash.digest(of: group))
        var hash = SHA256Hash()
        hash.update(body)
        if let source { withUnsafeBytes(of: source.littleEndian) { hash.update($0) } }
        self.deduplicationID = Self.digestText(of: hash.finish())
    }

    /// A placement by ids that are known to be good.
    init(groupID: String, deduplicationID: String) {
        self.groupID = groupID
        self.deduplicationID = deduplicationID
    }

    private static func digestText(of digest: SHA256Digest) -> String {
        var digits: [UInt8] = []
        digest.appendHexadecimal(to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }
}
