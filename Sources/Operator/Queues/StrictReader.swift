import Support

/// Takes members out of an object one by one; what is left at the end is an unknown key, which is an error that names
/// it (operator.md 2), so that a typing mistake does not go unnoticed.
struct StrictReader {
    private var rest: [String: JSONValue]
    private let prefix: String

    init(_ value: JSONValue, prefix: String) throws(TransportConfigurationError) {
        guard let members = value.members else {
            throw TransportConfigurationError("\(prefix): expected an object")
        }
        self.rest = members
        self.prefix = prefix
    }

    func nested(_ value: JSONValue) throws(TransportConfigurationError) -> StrictReader {
        try StrictReader(value, prefix: self.prefix)
    }

    func error(_ text: String) -> TransportConfigurationError {
        TransportConfigurationError("\(self.prefix): \(text)")
    }

    mutating func string(_ name: String) throws(TransportConfigurationError) -> String? {
        try self.take(name, "a string") { $0.string }
    }

    mutating func integer(_ name: String) throws(TransportConfigurationError) -> Int? {
        try self.take(name, "a whole number from 0 to \(Int32.max)") { value in
            value.integer.flatMap { (0...Int(Int32.max)).contains($0) ? $0 : nil }
        }
    }

    mutating func boolean(_ name: String) throws(TransportConfigurationError) -> Bool? {
        try self.take(name, "true or false") { $0.boolean }
    }

    mutating func object(_ name: String) throws(TransportConfigurationError) -> JSONValue? {
        try self.take(name, "an object") { $0.members.map(JSONValue.object) }
    }

    mutating func strings(_ name: String) throws(TransportConfigurationError) -> [String: String]? {
        try self.take(name, "an object of strings") { value in
            guard let members = value.members, members.values.allSatisfy({ $0.string != nil }) else { return nil }
            return value.strings
        }
    }

    /// Everything must have been taken.
    func finish() throws(TransportConfigurationError) {
        if let unknown = self.rest.keys.min() { throw self.error("unknown field \"\(unknown)\"") }
    }

    private mutating func take<Value>(
        _ name: String,
        _ expected: String,
        _ read: (JSONValue) -> Value?
    ) throws(TransportConfigurationError) -> Value? {
        guard let value = self.rest.removeValue(forKey: name), value != .null else { return nil }
        guard let result = read(value) else { throw self.error("field \"\(name)\" must be \(expected)") }
        return result
    }
}
