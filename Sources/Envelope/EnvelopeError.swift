import CJSONScanner

/// Why a message is not an envelope (envelope.md 2.1, row `parse_error`), and what can still be used of it.
public struct EnvelopeError: Error, Sendable, CustomStringConvertible {
    /// What is wrong with the message.
    public enum Reason: Sendable, Equatable {
        /// The bytes are not JSON.
        case malformed(JSONFault)
        /// JSON, but not an object.
        case notAnObject
        /// A known member has another type than envelope.md 2 says.
        case wrongType(KnownMember)
    }

    /// What is wrong with the message.
    public let reason: Reason
    /// Offset of the byte or value that is wrong.
    public let offset: Int
    /// What the error envelope is made from (envelope.md 8): the members that are right, none when the message
    /// is not an object.
    public let salvage: EnvelopeView

    /// The parser's reason, as it stands behind `Failed to parse message: `.
    public var description: String {
        switch self.reason {
        case .malformed(let fault): fault.description
        case .notAnObject: "the top-level value is not an object"
        case .wrongType(let member): "\(member.requirement) (at offset \(self.offset))"
        }
    }
}

/// A member whose type is checked, in envelopes and in elements of a reply.
public enum KnownMember: Sendable, Equatable {
    case id, parentID, route, headers, actors, actorsElement, current, metadata
    case error, details, element

    /// What the member has to be, as a sentence.
    var requirement: String {
        switch self {
        case .id: "field 'id' must be a string"
        case .parentID: "field 'parent_id' must be a string or null"
        case .route: "field 'route' must be an object"
        case .headers: "field 'headers' must be an object"
        case .actors: "field 'route.actors' must be an array"
        case .actorsElement: "field 'route.actors' must contain only strings"
        case .current: "field 'route.current' must be an integer"
        case .metadata: "field 'route.metadata' must be an object"
        case .error: "field 'error' must be a string"
        case .details: "field 'details' must be an object"
        case .element: "an element of the reply must be an object"
        }
    }
}

/// The first member of a wrong type that was met.
struct WrongType {
    let member: KnownMember
    let offset: Int
}

extension WrongType? {
    mutating func note(_ member: KnownMember, _ value: cjson_value) {
        self.note(member, at: Int(value.start))
    }

    mutating func note(_ member: KnownMember, at offset: Int) {
        if self == nil { self = WrongType(member: member, offset: offset) }
    }
}
