internal import Support

/// A tool's parameters as JSON Schema, and arguments checked against it (`gateway.md` 2.4, 25.6).
extension ToolDefinition {
    /// The `inputSchema` of MCP, complete: nested objects, items of every type, enums, defaults.
    public var inputSchema: RawJSON {
        var writer = SchemaWriter()
        writer.object(self.parameters, description: nil)
        return RawJSON(trusted: writer.json.bytes)
    }
}

private struct SchemaWriter {
    var json = JSONWriter()

    mutating func object(_ properties: [ToolParameter], description: String?) {
        self.json.beginObject()
        self.json.name("type")
        self.json.string("object")
        self.text("description", description)
        self.members(properties)
        self.json.endObject()
    }

    private mutating func members(_ properties: [ToolParameter]) {
        self.json.name("properties")
        self.json.beginObject()
        for property in properties {
            self.json.name(property.name)
            self.parameter(property)
        }
        self.json.endObject()
        let required = properties.filter(\.isRequired).map(\.name)
        guard !required.isEmpty else { return }
        self.json.name("required")
        self.json.strings(required)
    }

    private mutating func parameter(_ parameter: ToolParameter) {
        self.json.beginObject()
        self.json.name("type")
        self.json.string(parameter.type.rawValue)
        self.text("description", parameter.description)
        if !parameter.options.isEmpty {
            self.json.name("enum")
            self.json.beginArray()
            for option in parameter.options { self.json.raw(parameter.type.json(ofOption: option).bytes) }
            self.json.endArray()
        }
        if let value = parameter.defaultValue {
            self.json.name("default")
            self.json.raw(value.bytes)
        }
        self.text("x-mcp-header", parameter.mcpHeader)
        switch parameter.type {
        case .object: self.members(parameter.properties)
        case .array:
            if let item = parameter.items.first {
                self.json.name("items")
                self.parameter(item)
            }
        case .string, .number, .integer, .boolean: break
        }
        self.json.endObject()
    }

    private mutating func text(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        self.json.name(name)
        self.json.string(value)
    }
}

extension ParameterType {
    /// An allowed value, which the file gives as text, as JSON of this type; text when it is none.
    func json(ofOption text: String) -> RawJSON {
        var writer = JSONWriter()
        switch self {
        case .number, .integer, .boolean:
            if let raw = RawJSON(checking: text), raw.document?.root.kind != .string { return raw }
            writer.string(text)
        case .string, .object, .array: writer.string(text)
        }
        return RawJSON(trusted: writer.bytes)
    }
}
