internal import Support

/// Parameters of a tool, nested ones included.
struct ToolParameterReader {
    /// Deepest nesting of properties and items.
    static let depthLimit = 32

    let tool: String

    func parameters(_ node: YAMLValue, _ what: String) throws(ToolFileError) -> [ToolParameter] {
        var found: [ToolParameter] = []
        for (name, value) in try node.members("parameters") {
            found.append(try self.parameter(value, name: name, trail: "parameter \(quoted(name)): ", depth: 0))
        }
        try self.checkHeaders(found, node)
        return found
    }

    private func parameter(
        _ node: YAMLValue,
        name: String,
        trail: String,
        depth: Int
    ) throws(ToolFileError) -> ToolParameter {
        guard depth < Self.depthLimit else { throw self.error(node, trail + "nested too deeply") }
        var reader = try YAMLObject(node, what: "parameter \(name)")
        let typeText = try reader.take("type")?.text() ?? ""
        guard let type = ParameterType(rawValue: typeText) else {
            let allowed = "must be string, number, integer, boolean, object, or array"
            throw self.error(node, trail + "invalid type \(quoted(typeText)) (\(allowed))")
        }
        var parameter = ToolParameter(name: name, type: type)
        parameter.description = try reader.take("description")?.text()
        parameter.isRequired = try reader.take("required")?.boolean() ?? false
        parameter.defaultValue = reader.take("default")?.json
        for key in ["options", "enum"] {
            guard let options = reader.take(key), options.kind != .null else { continue }
            for element in try options.elements(key) { parameter.options.append(try element.text()) }
        }
        if let properties = reader.take("properties"), properties.kind != .null {
            for (inner, value) in try properties.members("properties") {
                let path = trail + "property \(quoted(inner)): "
                parameter.properties.append(try self.parameter(value, name: inner, trail: path, depth: depth + 1))
            }
        }
        if let items = reader.take("items"), items.kind != .null {
            parameter.items = [try self.parameter(items, name: "", trail: trail + "items: ", depth: depth + 1)]
        }
        if let header = reader.take("mcp_header") { parameter.mcpHeader = try self.header(header, type, trail) }
        try reader.finish()
        return parameter
    }

    /// Clients drop tools whose mirrored headers break the rules (`gateway.md` 18.4), so they are refused here.
    private func header(_ node: YAMLValue, _ type: ParameterType, _ trail: String) throws(ToolFileError) -> String {
        let name = try node.text()
        guard HTTPFieldName.isValid(name) else {
            throw self.error(node, trail + "mcp_header \(quoted(name)) is not a header name")
        }
        guard type == .string || type == .integer || type == .boolean, !trail.contains("items: ") else {
            throw self.error(node, trail + "mcp_header needs a string, integer or boolean outside of arrays")
        }
        return name
    }

    private func checkHeaders(_ parameters: [ToolParameter], _ node: YAMLValue) throws(ToolFileError) {
        var seen: Set<String> = []
        var waiting = parameters
        while let parameter = waiting.popLast() {
            if let header = parameter.mcpHeader, !seen.insert(header.lowercased()).inserted {
                throw self.error(node, "mcp_header \(quoted(header)) is used twice")
            }
            waiting += parameter.properties
        }
    }

    private func error(_ node: YAMLValue, _ text: String) -> ToolFileError {
        node.place.error("invalid configuration: tool \(quoted(self.tool)): \(text)")
    }
}
