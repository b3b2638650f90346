/// Turns a schema document into nodes. Local references are resolved; a schema that is used twice is compiled once.
struct SchemaCompiler {
    private let document: JSONTree
    private(set) var nodes: [Schema.Node] = []
    private var indexByPointer: [String: Int] = [:]

    private static let typeNames: Set<String> = [
        "null", "boolean", "integer", "number", "string", "array", "object",
    ]
    /// Keywords that only describe (`format` is an annotation unless agreed otherwise).
    private static let annotations: Set<String> = [
        "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples",
        "deprecated", "readOnly", "writeOnly", "format", "contentEncoding", "contentMediaType", "contentSchema",
        "x-mcp-header",
    ]

    init(document: JSONTree) { self.document = document }

    mutating func compileAll() throws(SchemaError) -> Int {
        if let dialect = self.document["$schema"]?.string,
            dialect.hasPrefix("https://json-schema.org/draft/2020-12/schema") == false
        {
            throw SchemaError(pointer: "/$schema", reason: "only draft 2020-12 is understood, not \(dialect)")
        }
        return try self.node(self.document, at: "", depth: 0)
    }

    private mutating func node(_ schema: JSONTree, at pointer: String, depth: Int) throws(SchemaError) -> Int {
        if let known = self.indexByPointer[pointer] { return known }
        guard depth <= Schema.depthLimit else { throw SchemaError(pointer: pointer, reason: "nested too deeply") }
        guard self.nodes.count < Schema.nodeLimit else { throw SchemaError(pointer: pointer, reason: "too large") }
        let index = self.nodes.count
        self.indexByPointer[pointer] = index
        self.nodes.append(Schema.Node())
        switch schema {
        case .bool(let accepts): self.nodes[index].isNever = !accepts
        case .object(let object): self.nodes[index] = try self.keywords(object, at: pointer, depth: depth)
        default: throw SchemaError(pointer: pointer, reason: "a schema is an object or a boolean")
        }
        return index
    }

    private mutating func keywords(
        _ object: JSONObject,
        at pointer: String,
        depth: Int
    ) throws(SchemaError) -> Schema.Node {
        var node = Schema.Node()
        for (name, value) in object.members {
            let place = JSONPointer.appending(name, to: pointer)
            if Self.annotations.contains(name) { continue }
            if try self.readValue(name, value, at: place, into: &node) { continue }
            if try self.readArrayOrObject(name, value, at: place, depth: depth, into: &node) { continue }
            if try self.readApplicator(name, value, at: place, depth: depth, into: &node) { continue }
            throw SchemaError(pointer: place, reason: "keyword is not supported")
        }
        try self.readDependent(object, at: pointer, depth: depth, into: &node)
        return node
    }

    /// Keywords about the value itself. Returns whether `name` is one.
    private func readValue(
        _ name: String,
        _ value: JSONTree,
        at place: String,
        into node: inout Schema.Node
    ) throws(SchemaError) -> Bool {
        switch name {
        case "type": node.types = try self.types(value, at: place)
        case "enum":
            guard let elements = value.elements, !elements.isEmpty else {
                throw SchemaError(pointer: place, reason: "must be an array with at least one value")
            }
            node.enumeration = elements
        case "const": node.enumeration = [value]
        case "minimum": node.number.minimum = try self.number(value, at: place)
        case "maximum": node.number.maximum = try self.number(value, at: place)
        case "exclusiveMinimum": node.number.exclusiveMinimum = try self.number(value, at: place)
        case "exclusiveMaximum": node.number.exclusiveMaximum = try self.number(value, at: place)
        case "multipleOf":
            let divisor = try self.number(value, at: place)
            guard divisor > 0 else { throw SchemaError(pointer: place, reason: "must be greater than 0") }
            node.number.multipleOf = divisor
        case "minLength": node.string.minimum = try self.count(value, at: place)
        case "maxLength": node.string.maximum = try self.count(value, at: place)
        default: return false
        }
        return true
    }

    /// Keywords about arrays and objects. Returns whether `name` is one.
    private mutating func readArrayOrObject(
        _ name: String,
        _ value: JSONTree,
        at place: String,
        depth: Int,
        into node: inout Schema.Node
    ) throws(SchemaError) -> Bool {
        switch name {
        case "minItems": node.array.count.minimum = try self.count(value, at: place)
        case "maxItems": node.array.count.maximum = try self.count(value, at: place)
        case "uniqueItems": node.array.hasUniqueItems = try self.flag(value, at: place)
        case "items": node.array.items = try self.node(value, at: place, depth: depth + 1)
        case "prefixItems": node.array.prefixItems = try self.list(value, at: place, depth: depth)
        case "minProperties": node.object.count.minimum = try self.count(value, at: place)
        case "maxProperties": node.object.count.maximum = try self.count(value, at: place)
        case "required": node.object.required = try self.strings(value, at: place)
        case "properties": node.object.properties = try self.map(value, at: place, depth: depth)
        case "additionalProperties": node.object.additional = try self.node(value, at: place, depth: depth + 1)
        case "propertyNames": node.object.names = try self.node(value, at: place, depth: depth + 1)
        case "dependentSchemas": node.object.dependentSchemas = try self.map(value, at: place, depth: depth)
        case "dependentRequired":
            for (property, names) in try self.object(value, at: place).members {
                node.object.dependentRequired[property] = try self.strings(
                    names,
                    at: JSONPointer.appending(property, to: place)
                )
            }
        default: return false
        }
        return true
    }

    /// Keywords that apply other schemas to the same value. Returns whether `name` is one.
    private mutating func readApplicator(
        _ name: String,
        _ value: JSONTree,
        at place: String,
        depth: Int,
        into node: inout Schema.Node
    ) throws(SchemaError) -> Bool {
        switch name {
        case "$ref": node.reference = try self.reference(value, at: place, depth: depth)
        case "allOf": node.allOf = try self.list(value, at: place, depth: depth)
        case "anyOf": node.anyOf = try self.list(value, at: place, depth: depth)
        case "oneOf": node.oneOf = try self.list(value, at: place, depth: depth)
        case "not": node.not = try self.node(value, at: place, depth: depth + 1)
        // Read together with their partners.
        case "if", "then", "else", "contains", "minContains", "maxContains": break
        default: return false
        }
        return true
    }

    /// Keywords that mean something only together.
    private mutating func readDependent(
        _ object: JSONObject,
        at pointer: String,
        depth: Int,
        into node: inout Schema.Node
    ) throws(SchemaError) {
        if let test = object["if"] {
            let testIndex = try self.node(test, at: pointer + "/if", depth: depth + 1)
            var branches: [Int?] = []
            for name in ["then", "else"] {
                if let branch = object[name] {
                    branches.append(try self.node(branch, at: "\(pointer)/\(name)", depth: depth + 1))
                } else {
                    branches.append(nil)
                }
            }
            node.condition = (testIndex, branches[0], branches[1])
        }
        if let contains = object["contains"] {
            var count = Schema.CountRules(minimum: 1)
            if let minimum = object["minContains"] {
                count.minimum = try self.count(minimum, at: pointer + "/minContains")
            }
            if let maximum = object["maxContains"] {
                count.maximum = try self.count(maximum, at: pointer + "/maxContains")
            }
            node.array.contains = (try self.node(contains, at: pointer + "/contains", depth: depth + 1), count)
        }
    }

    /// `#` or `#/a/b`: a place of this document.
    private mutating func reference(_ value: JSONTree, at place: String, depth: Int) throws(SchemaError) -> Int {
        guard let text = value.string, text == "#" || text.hasPrefix("#/") else {
            throw SchemaError(pointer: place, reason: "only references into the same document (#/…) are followed")
        }
        var target = self.document
        for token in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = token.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
                .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
            let index = Int(name)
            if let member = target[name] {
                target = member
            } else if let index, let elements = target.elements, elements.indices.contains(index) {
                target = elements[index]
            } else {
                throw SchemaError(pointer: place, reason: "nothing is at \(text)")
            }
        }
        return try self.node(target, at: String(text.dropFirst()), depth: depth + 1)
    }
}

// MARK: - Values of keywords

extension SchemaCompiler {
    private func types(_ value: JSONTree, at place: String) throws(SchemaError) -> Set<String> {
        let names: [String]
        if let name = value.string { names = [name] } else { names = try self.strings(value, at: place) }
        guard !names.isEmpty, let unknown = names.first(where: { !Self.typeNames.contains($0) }) else {
            if names.isEmpty { throw SchemaError(pointer: place, reason: "names no type") }
            return Set(names)
        }
        throw SchemaError(pointer: place, reason: "unknown type \"\(unknown)\"")
    }

    private func number(_ value: JSONTree, at place: String) throws(SchemaError) -> Double {
        guard let number = value.number?.double, number.isFinite else {
            throw SchemaError(pointer: place, reason: "must be a number")
        }
        return number
    }

    private func count(_ value: JSONTree, at place: String) throws(SchemaError) -> Int {
        guard let count = value.number?.int, count >= 0 else {
            throw SchemaError(pointer: place, reason: "must be a whole number, not negative")
        }
        return count
    }

    private func flag(_ value: JSONTree, at place: String) throws(SchemaError) -> Bool {
        guard let flag = value.bool else { throw SchemaError(pointer: place, reason: "must be true or false") }
        return flag
    }

    private func object(_ value: JSONTree, at place: String) throws(SchemaError) -> JSONObject {
        guard let object = value.object else { throw SchemaError(pointer: place, reason: "must be an object") }
        return object
    }

    private func strings(_ value: JSONTree, at place: String) throws(SchemaError) -> [String] {
        let strings = value.elements?.compactMap(\.string)
        guard let strings, strings.count == value.elements?.count else {
            throw SchemaError(pointer: place, reason: "must be an array of strings")
        }
        return strings
    }

    private mutating func list(_ value: JSONTree, at place: String, depth: Int) throws(SchemaError) -> [Int] {
        guard let elements = value.elements, !elements.isEmpty else {
            throw SchemaError(pointer: place, reason: "must be an array with at least one schema")
        }
        var indices: [Int] = []
        for (index, element) in elements.enumerated() {
            let pointer = JSONPointer.appending(index, to: place)
            indices.append(try self.node(element, at: pointer, depth: depth + 1))
        }
        return indices
    }

    private mutating func map(
        _ value: JSONTree,
        at place: String,
        depth: Int
    ) throws(SchemaError) -> [String: Int] {
        var indices: [String: Int] = [:]
        for (name, schema) in try self.object(value, at: place).members {
            indices[name] = try self.node(schema, at: JSONPointer.appending(name, to: place), depth: depth + 1)
        }
        return indices
    }
}
