/// Where a writer puts an envelope, piece by piece.
///
/// Writers are generic and inlinable, so that a sink compiles to plain stores. Ranges may be referenced instead
/// of copied: they stay valid as long as the caller keeps message and reply.
public protocol PieceSink {
    /// Text that lives as long as the program.
    mutating func constant(_ text: StaticString)
    /// A few bytes that are gone when the call returns: copy them.
    mutating func bytes(_ bytes: UnsafeRawBufferPointer)
    /// Bytes of the input message.
    mutating func input(_ range: Range<Int>)
    /// Bytes of the runtime's reply.
    mutating func reply(_ range: Range<Int>)
}

/// Counts the bytes a writer would produce: AMQP wants the body's length before the body.
public struct CountingSink: PieceSink {
    /// Number of bytes so far.
    public private(set) var byteCount = 0

    /// A sink that has seen nothing.
    public init() {}

    /// Counts constant text.
    public mutating func constant(_ text: StaticString) { self.byteCount += text.utf8CodeUnitCount }
    /// Counts bytes.
    public mutating func bytes(_ bytes: UnsafeRawBufferPointer) { self.byteCount += bytes.count }
    /// Counts a range of the message.
    public mutating func input(_ range: Range<Int>) { self.byteCount += range.count }
    /// Counts a range of the reply.
    public mutating func reply(_ range: Range<Int>) { self.byteCount += range.count }
}

/// Collects an envelope in one array, for transports that need it in one piece, and for tests.
public struct ContiguousSink: PieceSink {
    /// What was written so far.
    public private(set) var output: [UInt8]
    private let inputBytes: UnsafeRawBufferPointer
    private let replyBytes: UnsafeRawBufferPointer

    /// A sink for pieces of this message and this reply, which must outlive it.
    public init(
        input: UnsafeRawBufferPointer,
        reply: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        reserving byteCount: Int = 0
    ) {
        self.inputBytes = input
        self.replyBytes = reply
        self.output = []
        self.output.reserveCapacity(byteCount)
    }

    /// Appends constant text.
    public mutating func constant(_ text: StaticString) {
        text.withUTF8Buffer { self.output.append(contentsOf: $0) }
    }
    /// Appends bytes.
    public mutating func bytes(_ bytes: UnsafeRawBufferPointer) { self.output.append(contentsOf: bytes) }
    /// Appends a range of the message.
    public mutating func input(_ range: Range<Int>) { self.output.append(contentsOf: self.inputBytes[range]) }
    /// Appends a range of the reply.
    public mutating func reply(_ range: Range<Int>) { self.output.append(contentsOf: self.replyBytes[range]) }
}
