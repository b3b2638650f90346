internal import Support

/// Arguments that also travel as `Mcp-Param-…` fields, so that proxies can route by them (gateway.md 18.4).
package struct ParameterHeaders: Sendable {
    private struct Entry: Sendable {
        var path: [String]
        var field: String
    }

    private static let keyword = "x-mcp-header"
    private static let safeInteger = 9_007_199_254_740_991.0
    private var entries: [Entry] = []

    package var isEmpty: Bool { self.entries.isEmpty }

    /// Reads the annotations of an input schema. Clients drop tools with broken ones, so such a schema is refused.
    package init(inputSchema: JSONTree) throws(SchemaError) {
        try self.collect(inputSchema, path: [], pointer: "", isReachable: true)
        var known: Set<String> = []
        for entry in self.entries where !known.insert(entry.field.lowercased()).inserted {
            throw SchemaError(pointer: "", reason: "two parameters have the header \(entry.field)")
        }
    }

    private mutating func collect(
        _ schema: JSONTree,
        path: [String],
        pointer: String,
        isReachable: Bool
    ) throws(SchemaError) {
        if let elements = schema.elements {
            for (index, element) in elements.enumerated() {
                let place = JSONPointer.appending(index, to: pointer)
                try self.collect(element, path: path, pointer: place, isReachable: false)
            }
        }
        guard let object = schema.object else { return }
        if let annotation = object[Self.keyword] {
            let place = JSONPointer.appending(Self.keyword, to: pointer)
            guard isReachable, !path.isEmpty else {
                throw SchemaError(pointer: place, reason: "only parameters reached through properties have headers")
            }
            self.entries.append(Entry(path: path, field: try Self.field(annotation, of: object, at: place)))
        }
        for (name, value) in object.members where !["default", "examples", "enum", "const"].contains(name) {
            let place = JSONPointer.appending(name, to: pointer)
            if name == "properties", let properties = value.object {
                for (property, schema) in properties.members {
                    let inner = JSONPointer.appending(property, to: place)
                    try self.collect(schema, path: path + [property], pointer: inner, isReachable: isReachable)
                }
            } else {
                try self.collect(value, path: path, pointer: place, isReachable: false)
            }
        }
    }

    private static func field(
        _ annotation: JSONTree,
        of schema: JSONObject,
        at place: String
    ) throws(SchemaError) -> String {
        guard let token = annotation.string, HTTPFieldName.isValid(token) else {
            throw SchemaError(pointer: place, reason: "a header name has only letters, digits and !#$%&'*+-.^_`|~")
        }
        guard let type = schema["type"]?.string, ["string", "integer", "boolean"].contains(type) else {
            throw SchemaError(pointer: place, reason: "only strings, integers and booleans travel as headers")
        }
        return HeaderName.parameterPrefix + token
    }

    /// Compares the fields of a call with its arguments.
    package func check(arguments: JSONTree?, headers: HeaderFields) throws(RPCError) {
        for entry in self.entries {
            let value = entry.path.reduce(arguments) { $0?[$1] }
            let fields = headers.all(entry.field)
            switch value {
            case nil, .null?:
                guard fields.isEmpty else {
                    throw RPCError(.headerMismatch, "\(entry.field) is given, but its argument is not")
                }
            case .some(let value):
                guard fields.count == 1 else {
                    let problem = fields.isEmpty ? "is missing" : "is given more than once"
                    throw RPCError(.headerMismatch, "\(entry.field) \(problem)")
                }
                guard let decoded = MirroredValue.decoded(fields[0]), Self.matches(decoded, value) else {
                    throw RPCError(.headerMismatch, "\(entry.field) differs from its argument")
                }
            }
        }
    }

    private static func matches(_ field: String, _ value: JSONTree) -> Bool {
        switch value {
        case .string(let text): return field.utf8.elementsEqual(text.utf8)
        case .bool(let flag): return field == (flag ? "true" : "false")
        case .number(let number):
            guard let fieldValue = try? JSONTree(parsing: field).number else {
                return false  // Not a number: no match.
            }
            return fieldValue == number && abs(number.double) <= self.safeInteger
        // Of a type the schema refuses: that is said where arguments are checked.
        case .null, .array, .object: return true
        }
    }
}
