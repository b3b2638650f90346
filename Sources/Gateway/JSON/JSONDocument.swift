internal import CJSONScanner

/// A JSON text that passed the strict scanner, to look into without decoding it: the bodies of requests.
public struct JSONDocument: Sendable {
    fileprivate let bytes: [UInt8]
    private let value: cjson_value

    /// Scans the whole text; nil when it is not one JSON value in UTF-8.
    public init?(_ bytes: [UInt8]) {
        var value = cjson_value()
        let status = bytes.withUnsafeBytes { cjson_scan_text($0.baseAddress, $0.count, &value) }
        guard status.fault == .none else { return nil }
        self.bytes = bytes
        self.value = value
    }

    /// The whole value.
    public var root: JSONElement { JSONElement(document: self, value: self.value) }
}

/// A value inside a document.
public struct JSONElement: Sendable {
    fileprivate let document: JSONDocument
    fileprivate let value: cjson_value

    /// The types of JSON.
    public enum Kind: String, Sendable {
        /// `null`.
        case null
        /// `true` or `false`.
        case boolean
        /// Any number.
        case number
        /// A string.
        case string
        /// An array.
        case array
        /// An object.
        case object
    }

    /// The value's type.
    public var kind: Kind {
        switch self.value.kind {
        case .absent, .null: .null
        case .true, .false: .boolean
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Whether the value is `null`.
    public var isNull: Bool { self.kind == .null }

    /// The value's own text.
    public var raw: RawJSON {
        RawJSON(trusted: Array(self.document.bytes[Int(self.value.start)..<Int(self.value.end)]))
    }

    /// The string, when it is one; lone surrogates arrive as U+FFFD.
    public var string: String? {
        self.value.kind == .string ? self.decoded(self.value) : nil
    }

    /// The boolean, when it is one.
    public var boolean: Bool? {
        switch self.value.kind {
        case .true: true
        case .false: false
        case .absent, .null, .number, .string, .array, .object: nil
        }
    }

    /// The number, when it is one.
    public var number: Double? {
        guard self.value.kind == .number else { return nil }
        return Double(self.raw.text)
    }

    /// The number, when it is a whole one that an `Int` holds; `1.0` and `1e2` are whole.
    public var integer: Int? {
        guard self.value.kind == .number else { return nil }
        return Int(self.raw.text) ?? self.number.flatMap { Int(exactly: $0) }
    }

    /// The elements, when it is an array.
    public var elements: [JSONElement]? {
        guard self.value.kind == .array else { return nil }
        var found: [JSONElement] = []
        self.document.bytes.withUnsafeBytes { bytes in
            var cursor = cjson_container_begin(self.value)
            var element = cjson_value()
            while cjson_element_next(bytes.baseAddress, &cursor, &element) {
                found.append(JSONElement(document: self.document, value: element))
            }
        }
        return found
    }

    /// The members in text order, when it is an object; of equal names the last one counts.
    public var members: [(name: String, value: JSONElement)]? {
        guard self.value.kind == .object else { return nil }
        var found: [(name: String, value: JSONElement)] = []
        var positions: [String: Int] = [:]
        self.document.bytes.withUnsafeBytes { bytes in
            var cursor = cjson_container_begin(self.value)
            var member = cjson_member()
            while cjson_member_next(bytes.baseAddress, &cursor, &member) {
                let name = self.decoded(member.name)
                let value = JSONElement(document: self.document, value: member.value)
                if let position = positions.updateValue(found.count, forKey: name) {
                    positions[name] = position
                    found[position].value = value
                } else {
                    found.append((name, value))
                }
            }
        }
        return found
    }

    /// The member of this name; nil when it is absent or this is no object.
    public subscript(name: String) -> JSONElement? {
        guard self.value.kind == .object else { return nil }
        var found: cjson_value?
        var name = name
        name.withUTF8 { wanted in
            self.document.bytes.withUnsafeBytes { bytes in
                var cursor = cjson_container_begin(self.value)
                var member = cjson_member()
                while cjson_member_next(bytes.baseAddress, &cursor, &member) {
                    if cjson_string_equals(bytes.baseAddress, member.name, wanted.baseAddress, wanted.count) {
                        found = member.value
                    }
                }
            }
        }
        return found.map { JSONElement(document: self.document, value: $0) }
    }

    private func decoded(_ token: cjson_value) -> String {
        self.document.bytes.withUnsafeBytes { bytes in
            let count = cjson_string_decode(bytes.baseAddress, token, nil, 0)
            return String(unsafeUninitializedCapacity: count) { buffer in
                min(cjson_string_decode(bytes.baseAddress, token, buffer.baseAddress, buffer.count), buffer.count)
            }
        }
    }
}
