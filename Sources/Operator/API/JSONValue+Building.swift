public import Support

/// Kubernetes objects are built and read as `JSONValue`s: the operator passes pod specs on that it does not model, so
/// typed structures would drop fields of newer clusters (crd.md B1).
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }

    /// A boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }

    /// A whole number.
    public init(integerLiteral value: Int) { self = .number(Double(value)) }

    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }

    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    /// An object; of equal names the last one counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}

extension JSONValue {
    /// A whole number.
    static func integer(_ value: Int) -> JSONValue { .number(Double(value)) }

    /// The member of an object; `nil` for absent members, `null` and everything that is not an object.
    subscript(_ name: String) -> JSONValue? {
        guard let member = self.members?[name], member != .null else { return nil }
        return member
    }

    /// The boolean, when it is one.
    var boolean: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// The string members of an object; others are left out.
    var strings: [String: String] { (self.members ?? [:]).compactMapValues(\.string) }

    /// An object of strings.
    static func strings(_ members: [String: String]) -> JSONValue { .object(members.mapValues(JSONValue.string)) }

    /// An object without those members that are `nil`.
    static func object(omittingNil members: [String: JSONValue?]) -> JSONValue {
        .object(members.compactMapValues { $0 })
    }

    /// Changes one member of an object; a value that is no object becomes one.
    mutating func set(_ name: String, _ value: JSONValue?) {
        var members = self.members ?? [:]
        members[name] = value
        self = .object(members)
    }

    /// The document with sorted member names, so that equal values have equal bytes.
    var canonicalBytes: [UInt8] {
        var bytes: [UInt8] = []
        self.append(to: &bytes)
        return bytes
    }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let value):
            if let whole = Int64(exactly: value) {
                bytes.append(contentsOf: String(whole).utf8)
            } else {
                bytes.append(contentsOf: DecimalText.json(value).utf8)
            }
        case .string(let value): JSONWriter.appendString(value, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                element.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, name) in members.keys.sorted().enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONWriter.appendString(name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                (members[name] ?? .null).append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}
