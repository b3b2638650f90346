public import Support

/// A value of a manifest that remembers where it was written, so that every finding can name line and column.
public struct SourceNode: Equatable, Sendable {
    /// The kinds of values JSON has; mappings keep the order of the file.
    public enum Value: Equatable, Sendable {
        /// Nothing.
        case null
        /// A truth value.
        case bool(Bool)
        /// A finite number.
        case number(Double)
        /// Text.
        case string(String)
        /// Values in order.
        case sequence([SourceNode])
        /// Named values in order; names are unique.
        case mapping([Member])
    }

    /// One entry of a mapping.
    public struct Member: Equatable, Sendable {
        /// The key.
        public var name: String
        /// Where the key was written; nil for values that come from no file.
        public var position: SourcePosition?
        /// What it stands for.
        public var node: SourceNode
    }

    /// What was written.
    public var value: Value
    /// Where; nil for values that come from no file.
    public var position: SourcePosition?
    /// A scalar as it was written: `1.50` stays `1.50`. Empty for collections.
    public var text: String

    /// A value read at `position`.
    public init(_ value: Value, text: String = "", at position: SourcePosition? = nil) {
        self.value = value
        self.text = text
        self.position = position
    }

    /// The same value as `json`, without positions; members in alphabetical order.
    public init(_ json: JSONValue) {
        switch json {
        case .null: self.init(.null, text: "null")
        case .bool(let value): self.init(.bool(value), text: value ? "true" : "false")
        case .number(let value): self.init(.number(value), text: DecimalText.json(value))
        case .string(let value): self.init(.string(value), text: value)
        case .array(let elements): self.init(.sequence(elements.map { SourceNode($0) }))
        case .object(let members):
            let sorted = members.sorted { $0.key < $1.key }
            self.init(.mapping(sorted.map { Member(name: $0.key, position: nil, node: SourceNode($0.value)) }))
        }
    }

    /// The value without positions.
    public var json: JSONValue {
        switch self.value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .number(let value): return .number(value)
        case .string(let value): return .string(value)
        case .sequence(let elements): return .array(elements.map(\.json))
        case .mapping(let members):
            return .object(Dictionary(members.map { ($0.name, $0.node.json) }, uniquingKeysWith: { _, last in last }))
        }
    }

    /// The members, when it is a mapping.
    public var members: [Member]? {
        if case .mapping(let members) = self.value { return members }
        return nil
    }

    /// The elements, when it is a sequence.
    public var elements: [SourceNode]? {
        if case .sequence(let elements) = self.value { return elements }
        return nil
    }

    /// The text, when it is a string.
    public var string: String? {
        if case .string(let value) = self.value { return value }
        return nil
    }

    /// The truth value, when it is one.
    public var bool: Bool? {
        if case .bool(let value) = self.value { return value }
        return nil
    }

    /// Whether it is a number.
    public var isNumber: Bool {
        if case .number = self.value { return true }
        return false
    }

    /// The number, when it is a whole one.
    public var integer: Int? {
        if case .number(let value) = self.value { return Int(exactly: value) }
        return nil
    }

    /// The member `name`; nil when there is none or this is no mapping. A member that is null counts as absent, as it
    /// does for the API server.
    public subscript(name: String) -> SourceNode? {
        guard let node = self.members?.first(where: { $0.name == name })?.node, node.value != .null else { return nil }
        return node
    }

    /// The value at `path` below this one.
    public subscript(path: FieldPath) -> SourceNode? {
        var node: SourceNode? = self
        for component in path.components {
            switch component {
            case .name(let name): node = node?[name]
            case .index(let index): node = node?.elements.flatMap { $0.indices.contains(index) ? $0[index] : nil }
            }
        }
        return node
    }

    /// Where `path` was written; of a field that is absent, the nearest parent that is there. A member is at its key.
    public func position(of path: FieldPath) -> SourcePosition? {
        var node = self
        var position = self.position
        for component in path.components {
            switch component {
            case .name(let name):
                guard let member = node.members?.first(where: { $0.name == name }) else { return position }
                position = member.position ?? position
                node = member.node
            case .index(let index):
                guard let elements = node.elements, elements.indices.contains(index) else { return position }
                node = elements[index]
                position = node.position ?? position
            }
        }
        return position
    }

    /// The kind of value in words, for messages.
    public var kindText: String {
        switch self.value {
        case .null: "null"
        case .bool: "a boolean"
        case .number(let value): Int(exactly: value) == nil ? "a number" : "an integer"
        case .string: "a string"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}
