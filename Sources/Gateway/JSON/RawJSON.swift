internal import CJSONScanner

/// One JSON value as text that was checked: payloads, results and headers, which the gateway passes on and never
/// rebuilds (`gateway.md` 7.2: numbers, Unicode and nesting survive unchanged).
public struct RawJSON: Sendable, Hashable {
    /// The text, UTF-8.
    public let bytes: [UInt8]

    /// Text that is known to be one valid JSON value.
    init(trusted bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Checks a text strictly (RFC 8259, nesting below 4096 levels); nil when it is not one JSON value.
    public init?(checking text: String) {
        self.init(checking: Array(text.utf8))
    }

    /// Checks a text strictly (RFC 8259, nesting below 4096 levels); nil when it is not one JSON value.
    public init?(checking bytes: [UInt8]) {
        guard let document = JSONDocument(bytes) else { return nil }
        self = document.root.raw
    }

    /// `null`.
    public static let null = RawJSON(trusted: Array("null".utf8))
    /// `{}`.
    public static let emptyObject = RawJSON(trusted: Array("{}".utf8))

    /// The text as a string.
    public var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// Whether the value is `null`.
    public var isNull: Bool { self.bytes == Self.null.bytes }

    /// The value to look into.
    public var document: JSONDocument? { JSONDocument(self.bytes) }
}
