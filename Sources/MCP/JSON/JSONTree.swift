import Support

/// A JSON document in memory that keeps what JSON-RPC peers may rely on: the order of members and the text of numbers.
///
/// Only for control data (messages, tool schemas); arguments and results travel as the bytes they arrived in.
package indirect enum JSONTree: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONTree])
    case object(JSONObject)

    /// Integers are written as such.
    package static func integer(_ value: Int) -> JSONTree { .number(JSONNumber(value)) }

    package var string: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    package var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    package var number: JSONNumber? {
        if case .number(let value) = self { return value }
        return nil
    }

    package var elements: [JSONTree]? {
        if case .array(let value) = self { return value }
        return nil
    }

    package var object: JSONObject? {
        if case .object(let value) = self { return value }
        return nil
    }

    /// The member of an object; `nil` for other types too.
    package subscript(name: String) -> JSONTree? { self.object?[name] }

    /// The JSON type as JSON Schema names it.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number(let number): number.isInteger ? "integer" : "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

// Not by `nil`, which would turn a missing value into `null` unseen.
extension JSONTree: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(arrayLiteral elements: JSONTree...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONTree)...) { self = .object(JSONObject(elements)) }
}

/// The members of an object in text order; of equal names the last one counts.
package struct JSONObject: Sendable {
    /// In text order, without repeated names.
    package private(set) var members: [(name: String, value: JSONTree)] = []
    private var positions: [String: Int] = [:]

    package init() {}

    package init(_ members: [(String, JSONTree)]) {
        for (name, value) in members { self[name] = value }
    }

    package var isEmpty: Bool { self.members.isEmpty }
    package var count: Int { self.members.count }

    /// Setting `nil` on a name that is not there does nothing; existing members are replaced, never removed.
    package subscript(name: String) -> JSONTree? {
        get { self.positions[name].map { self.members[$0].value } }
        set {
            guard let newValue else { return }
            if let position = self.positions[name] {
                self.members[position].value = newValue
            } else {
                self.positions[name] = self.members.count
                self.members.append((name, newValue))
            }
        }
    }
}

extension JSONObject: Equatable {
    /// Objects are equal whatever the order of their members.
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.name] == $0.value }
    }
}

/// A number as it was written.
package struct JSONNumber: Sendable {
    package let text: String

    package init(_ value: Int) { self.text = String(value) }

    /// `value` must be finite.
    package init(_ value: Double) { self.text = DecimalText.json(value) }

    /// `text` must be a JSON number.
    init(text: String) { self.text = text }

    /// The nearest double; infinite when out of range.
    package var double: Double { Double(self.text) ?? .nan }

    /// The value, when it is whole (also `42.0`) and an `Int` holds it.
    package var int: Int? { Int(self.text) ?? Int(exactly: self.double) }

    /// Whether the value is whole, as JSON Schema 2020-12 counts: `42.0` is.
    package var isInteger: Bool {
        if self.text.utf8.allSatisfy({ $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) }) { return true }
        let value = self.double
        return value.isFinite && value == value.rounded()
    }
}

extension JSONNumber: Equatable {
    /// By value: `1.0` equals `1`; integers beyond the precision of doubles by their digits.
    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        if left.text == right.text { return true }
        if let leftInt = Int(left.text), let rightInt = Int(right.text) { return leftInt == rightInt }
        return left.double == right.double && abs(left.double) < 9_007_199_254_740_992
    }
}
