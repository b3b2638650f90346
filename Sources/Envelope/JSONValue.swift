import CJSONScanner

/// Any value of a scanned text, to walk through small structures such as the `metrics` member of a reply
/// (sidecar.md 10.3). Like every type here it is only a range and needs the scanned bytes.
public struct JSONValue: Sendable {
    /// The JSON type of a value.
    public enum Kind: Sendable, Equatable {
        case null, number, string, array, object
        case bool(Bool)
    }

    let value: cjson_value

    /// The bytes of the value.
    public var range: Range<Int> { self.value.range }

    /// The type of the value.
    public var kind: Kind {
        switch self.value.kind {
        case .absent, .null: .null
        case .false: .bool(false)
        case .true: .bool(true)
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    /// The string, when the value is one.
    public var string: StringToken? { StringToken(self.value) }

    /// Checks a whole text and gives its top-level value.
    public static func scan(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> JSONValue {
        var value = cjson_value()
        if let fault = JSONFault(cjson_scan_text(bytes.baseAddress, bytes.count, &value)) { throw fault }
        return JSONValue(value: value)
    }

    /// The value at a range that an earlier strict scan of `bytes` gave.
    public static func scanned(_ range: Range<Int>, in bytes: UnsafeRawBufferPointer) -> JSONValue? {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
        guard let inner = try? JSONValue.scan(UnsafeRawBufferPointer(rebasing: bytes[range])) else {
            return nil  // The range is not a value of these bytes: nothing to walk through.
        }
        var value = inner.value
        value.start += UInt32(range.lowerBound)
        value.end += UInt32(range.lowerBound)
        return JSONValue(value: value)
    }

    /// The elements, when the value is an array.
    public func elements(in bytes: UnsafeRawBufferPointer) -> JSONElements? {
        self.value.kind == .array ? JSONElements(cursor: cjson_container_begin(self.value), bytes: bytes) : nil
    }

    /// The members in text order, repeated names included, when the value is an object.
    public func members(in bytes: UnsafeRawBufferPointer) -> JSONMembers? {
        self.value.kind == .object ? JSONMembers(cursor: cjson_container_begin(self.value), bytes: bytes) : nil
    }

    /// The value of a number, rounded to the nearest double; `nil` for other types.
    public func double(in bytes: UnsafeRawBufferPointer) -> Double? {
        guard self.value.kind == .number else { return nil }
        return Double(String(decoding: bytes[self.range], as: UTF8.self))
    }
}

/// The elements of an array in a scanned text.
public struct JSONElements: Sequence, IteratorProtocol {
    var cursor: cjson_cursor
    let bytes: UnsafeRawBufferPointer

    /// The next element.
    public mutating func next() -> JSONValue? {
        var value = cjson_value()
        return cjson_element_next(self.bytes.baseAddress, &self.cursor, &value) ? JSONValue(value: value) : nil
    }
}

/// The members of an object in a scanned text.
public struct JSONMembers: Sequence, IteratorProtocol {
    var cursor: cjson_cursor
    let bytes: UnsafeRawBufferPointer

    /// The next member.
    public mutating func next() -> (name: StringToken, value: JSONValue)? {
        var member = cjson_member()
        guard cjson_member_next(self.bytes.baseAddress, &self.cursor, &member) else { return nil }
        guard let name = StringToken(member.name) else { return nil }
        return (name, JSONValue(value: member.value))
    }
}
