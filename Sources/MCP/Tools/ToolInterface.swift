/// How a call of a tool is answered (gateway.md 25.7, 22).
package enum AnswerMode: String, Sendable {
    /// At once, with the id of the envelope.
    case async
    /// With the pipeline's result.
    case wait
}

/// Whether a call becomes a task for clients that know tasks (gateway.md 22).
package enum TaskMode: String, Sendable {
    case never, auto, required
}

/// A tool as MCP clients see it, with its schemas compiled (gateway.md 2.4, 19.4).
package struct ToolInterface: Sendable {
    package var name: String
    package var title: String?
    package var description: String?
    package var inputSchema: JSONTree
    package var outputSchema: JSONTree?
    package var annotations: JSONTree
    package var answer: AnswerMode
    package var tasks: TaskMode
    package let input: Schema
    package let output: Schema?
    package let parameterHeaders: ParameterHeaders

    /// The hints of a tool that says nothing about itself.
    package static let defaultAnnotations: JSONTree = [
        "readOnlyHint": false, "destructiveHint": true, "idempotentHint": false, "openWorldHint": true,
    ]

    package init(
        name: String,
        title: String? = nil,
        description: String? = nil,
        inputSchema: JSONTree,
        outputSchema: JSONTree? = nil,
        annotations: JSONTree = ToolInterface.defaultAnnotations,
        answer: AnswerMode = .async,
        tasks: TaskMode = .never
    ) throws(SchemaError) {
        guard inputSchema["type"] == "object" else {
            throw SchemaError(pointer: "/type", reason: "the input schema of a tool is of type object")
        }
        self.name = name
        self.title = title
        self.description = description
        self.inputSchema = inputSchema
        self.outputSchema = outputSchema
        self.annotations = annotations
        self.answer = answer
        self.tasks = tasks
        self.input = try Schema(inputSchema)
        if let outputSchema { self.output = try Schema(outputSchema) } else { self.output = nil }
        self.parameterHeaders = try ParameterHeaders(inputSchema: inputSchema)
    }

    /// Names that every client takes.
    package static func isPortable(name: String) -> Bool {
        (1...128).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "_-.".utf8.contains(byte)
                }
            }
    }

    /// The element of `tools/list`. An output schema describes what a waiting call gives, so only tools that always
    /// give that have one; before 2026-07-28 it has to be a schema of objects.
    package func listed(for version: ProtocolVersion) -> JSONTree {
        var object = JSONObject([("name", .string(self.name))])
        if version.hasStructuredResults { object["title"] = self.title.map(JSONTree.string) }
        if let description = self.description, !description.isEmpty { object["description"] = .string(description) }
        object["inputSchema"] = self.inputSchema
        if self.promisesOutput(for: version) { object["outputSchema"] = self.outputSchema }
        if version >= .march2025 { object["annotations"] = self.annotations }
        return .object(object)
    }

    /// Whether results must conform to the output schema for this version.
    package func promisesOutput(for version: ProtocolVersion) -> Bool {
        guard let schema = self.outputSchema, self.answer == .wait, version.hasStructuredResults else { return false }
        return !version.isLegacy || schema["type"] == "object"
    }
}
