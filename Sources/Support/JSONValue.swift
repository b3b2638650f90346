/// A small JSON document in memory, for configuration and ready files: never for messages, whose bytes are only
/// scanned (module `Envelope`).
public enum JSONValue: Equatable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// Any number; finite.
    case number(Double)
    /// A string; lone surrogates arrive as U+FFFD.
    case string(String)
    /// An array in order.
    case array([JSONValue])
    /// An object; of equal names the last one counts.
    case object([String: JSONValue])

    /// Largest document read unless told otherwise: far above every configuration value of ours.
    public static let defaultByteLimit = 64 * 1024
    /// Deepest nesting that is read; the parser uses the stack.
    public static let depthLimit = 32

    /// What to do with containers at `depthLimit` that are not empty.
    public enum DepthPolicy: Sendable {
        /// The document is refused with `JSONParseError.Reason.tooDeep`.
        case refuse
        /// They are read as empty ones, for documents whose other parts must be had in any case.
        case empty
    }

    /// Reads a whole document strictly by RFC 8259.
    public init(
        parsing text: String,
        byteLimit: Int = JSONValue.defaultByteLimit,
        tooDeep: DepthPolicy = .refuse
    ) throws(JSONParseError) {
        guard text.utf8.count <= byteLimit else { throw JSONParseError(reason: .tooLong, offset: byteLimit) }
        self = try JSONParser.parse(Array(text.utf8), tooDeep)
    }

    /// How many containers lie in one another: 0 for a string, 1 for an empty object, 2 for `{"a":[1]}`.
    public var depth: Int {
        switch self {
        case .null, .bool, .number, .string: 0
        case .array(let elements): 1 + (elements.lazy.map(\.depth).max() ?? 0)
        case .object(let members): 1 + (members.values.lazy.map(\.depth).max() ?? 0)
        }
    }

    /// The string, when it is one.
    public var string: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// The number, when it is a whole one that an `Int` holds.
    public var integer: Int? {
        if case .number(let value) = self { return Int(exactly: value) }
        return nil
    }

    /// The number, when it is one.
    public var number: Double? {
        if case .number(let value) = self { return value }
        return nil
    }

    /// The elements, when it is an array.
    public var elements: [JSONValue]? {
        if case .array(let value) = self { return value }
        return nil
    }

    /// The members, when it is an object.
    public var members: [String: JSONValue]? {
        if case .object(let value) = self { return value }
        return nil
    }
}

/// Why a document is not JSON, and where.
public struct JSONParseError: Error, Equatable, CustomStringConvertible {
    /// The kinds of faults.
    public enum Reason: String, Sendable {
        /// More bytes than allowed.
        case tooLong = "document too long"
        /// More levels than `JSONValue.depthLimit`.
        case tooDeep = "nested too deeply"
        /// The text ends inside a value.
        case unexpectedEnd = "unexpected end"
        /// A character that cannot stand there.
        case unexpectedCharacter = "unexpected character"
        /// A string with a bad escape or a raw control character.
        case invalidString = "invalid string"
        /// A number that is malformed or beyond the range of doubles.
        case invalidNumber = "invalid number"
        /// Something after the value.
        case trailingCharacters = "characters after the value"
    }

    /// What is wrong.
    public var reason: Reason
    /// Bytes before the fault.
    public var offset: Int

    /// For instance `unexpected character at offset 12`.
    public var description: String { "\(self.reason.rawValue) at offset \(self.offset)" }
}
