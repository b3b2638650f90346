internal import ActorResource
internal import MCP

/// Tools as YAML, in the original's form (cli.md 1.1, 1.2).
enum ToolText {
    static func list(_ tools: [ToolDirectory.Tool]) throws -> String {
        try self.yaml(.array(tools.map { self.summary($0) }))
    }

    static func show(_ tool: ToolDirectory.Tool) throws -> String { try self.yaml(self.details(tool)) }

    static func summary(_ tool: ToolDirectory.Tool) -> JSONTree {
        self.document(tool) { _, type, isRequired in
            JSONObject([("type", type), ("required", .bool(isRequired))])
        }
    }

    static func details(_ tool: ToolDirectory.Tool) -> JSONTree {
        self.document(tool) { schema, type, isRequired in
            var object = JSONObject([("type", type), ("required", .bool(isRequired))])
            object["description"] = schema["description"]
            object["default"] = schema["default"]
            object["options"] = schema["enum"]
            return object
        }
    }

    private static func document(
        _ tool: ToolDirectory.Tool,
        _ parameter: (JSONTree, JSONTree, Bool) -> JSONObject
    ) -> JSONTree {
        var object = JSONObject([("name", .string(tool.name)), ("description", .string(tool.description ?? ""))])
        let required = (tool.inputSchema?["required"]?.elements ?? []).compactMap(\.string)
        var parameters = JSONObject()
        for (name, schema) in tool.inputSchema?["properties"]?.object?.members ?? [] {
            parameters[name] = .object(parameter(schema, schema["type"] ?? "any", required.contains(name)))
        }
        if !parameters.isEmpty { object["parameters"] = .object(parameters) }
        return .object(object)
    }

    /// Block style, members in their order.
    private static func yaml(_ tree: JSONTree) throws -> String {
        guard let text = self.node(tree).document else { throw UnwritableText() }
        return text
    }

    /// A description that YAML has no form for.
    struct UnwritableText: Error, CustomStringConvertible {
        var description: String { "the tools have texts that YAML cannot hold; use --json" }
    }

    private static func node(_ tree: JSONTree) -> YAMLText {
        switch tree {
        case .null: .plain("null")
        case .bool(let value): .plain(value ? "true" : "false")
        case .number(let value): .plain(value.text)
        case .string(let value): .string(value)
        case .array(let elements): .sequence(elements.map(self.node))
        case .object(let object): .mapping(object.members.map { ($0.name, self.node($0.value)) })
        }
    }
}
