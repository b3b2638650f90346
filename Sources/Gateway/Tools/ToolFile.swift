internal import ActorResource

/// One file of the tools configuration, read strictly (`gateway.md` 2), routes not resolved yet.
struct ToolFile {
    /// A tool as the file has it: what it leaves out comes from the defaults after the merge.
    struct Entry {
        var definition: ToolDefinition
        var route: ToolRoute?
        var offersProgress: Bool?
        var timeoutSeconds: Int?
        var appliesDefaults: Bool?
        var place: YAMLPlace
    }

    struct Defaults: Equatable {
        var offersProgress: Bool?
        var timeoutSeconds: Int?
        var appliesDefaults: Bool?
    }

    struct Template {
        var actors: [String]
        var place: YAMLPlace
    }

    var defaults: Defaults?
    var templates: [String: Template] = [:]
    var tools: [Entry] = []

    /// - Parameter name: of the file, for errors.
    init(yaml text: String, name: String) throws(ToolFileError) {
        let (documents, fault) = YAMLReader.read(text, file: name)
        if let fault {
            throw YAMLPlace(fault.position).error("failed to parse YAML: \(fault.message)")
        }
        guard let root = documents.first else { return }
        if documents.count > 1 {
            throw YAMLPlace(documents[1].position).error("failed to parse YAML: a second document")
        }
        var reader = try YAMLObject(YAMLValue(node: root), what: "configuration")
        if let node = reader.take("defaults") { self.defaults = try Self.defaults(node, name) }
        if let node = reader.take("routes") { self.templates = try Self.templates(node, name) }
        if let node = reader.take("tools"), node.kind != .null {
            for element in try node.elements("tools") { self.tools.append(try Self.tool(element)) }
        }
        try reader.finish()
    }

    private static func defaults(_ node: YAMLValue, _ name: String) throws(ToolFileError) -> Defaults {
        guard node.kind != .null else { return Defaults() }
        var reader = try YAMLObject(node, what: "defaults")
        var defaults = Defaults()
        defaults.offersProgress = try reader.take("progress")?.boolean()
        let timeout = reader.take("timeout")
        defaults.timeoutSeconds = try timeout?.integer()
        defaults.appliesDefaults = try reader.take("apply_defaults")?.boolean()
        try reader.finish()
        if let seconds = defaults.timeoutSeconds, seconds < 0, let timeout {
            throw timeout.place.error("invalid configuration: defaults: timeout cannot be negative")
        }
        return defaults
    }

    private static func templates(_ node: YAMLValue, _ name: String) throws(ToolFileError) -> [String: Template] {
        guard node.kind != .null else { return [:] }
        var templates: [String: Template] = [:]
        for (key, value) in try node.members("routes") {
            var actors: [String] = []
            if value.kind != .null {
                for element in try value.elements("routes.\(key)") { actors.append(try element.text()) }
            }
            templates[key] = Template(actors: actors, place: value.place)
        }
        return templates
    }

    private static func tool(_ node: YAMLValue) throws(ToolFileError) -> Entry {
        var reader = try YAMLObject(node, what: "tool")
        let name = try reader.take("name")?.text() ?? ""
        guard !name.isEmpty else { throw node.place.error("invalid configuration: tool name cannot be empty") }
        var tool = ToolDefinition(name: name)
        tool.description = try reader.take("description")?.text()
        if let parameters = reader.take("parameters"), parameters.kind != .null {
            tool.parameters = try ToolParameterReader(tool: name).parameters(parameters, "parameter")
        }
        let route = try reader.take("route").map { node throws(ToolFileError) in try ToolRoute(node, tool: name) }
        var entry = Entry(definition: tool, route: route, place: node.place)
        entry.offersProgress = try reader.take("progress")?.boolean()
        let timeout = reader.take("timeout")
        entry.timeoutSeconds = try timeout?.integer()
        if let seconds = entry.timeoutSeconds, seconds < 0, let timeout {
            throw timeout.place.error("invalid configuration: tool \(quoted(name)): timeout cannot be negative")
        }
        entry.appliesDefaults = try reader.take("apply_defaults")?.boolean()
        try Self.options(&reader, &entry.definition)
        try reader.finish()
        return entry
    }

    /// Keys that the original does not have (`gateway.md` 2.5), and `metadata`.
    private static func options(_ reader: inout YAMLObject, _ tool: inout ToolDefinition) throws(ToolFileError) {
        if let node = reader.take("metadata"), node.kind != .null {
            for (key, value) in try node.members("metadata") { tool.metadata[key] = try value.text() }
        }
        if let node = reader.take("headers"), node.kind != .null {
            for (key, value) in try node.members("headers") { tool.headers[key] = value.json }
        }
        if let node = reader.take("annotations") { tool.annotations = try Self.annotations(node) }
        if let node = reader.take("output_schema") {
            guard node.kind == .object else {
                throw node.place.error("failed to parse YAML: output_schema is not a map")
            }
            tool.outputSchema = node.json
        }
        if let node = reader.take("response") { tool.response = try node.choice("response") }
        if let node = reader.take("tasks") { tool.tasks = try node.choice("tasks") }
        if let value = try reader.take("idempotent")?.boolean() { tool.isIdempotent = value }
        if let node = reader.take("rate_limit") {
            let perSecond = try node.number()
            guard perSecond > 0, perSecond.isFinite else {
                throw node.place.error("invalid configuration: tool \(quoted(tool.name)): rate_limit must be positive")
            }
            tool.rateLimit = RateLimit(perSecond: perSecond, burst: max(1, perSecond))
        }
    }

    private static func annotations(_ node: YAMLValue) throws(ToolFileError) -> ToolAnnotations {
        var reader = try YAMLObject(node, what: "annotations")
        var annotations = ToolAnnotations()
        annotations.title = try reader.take("title")?.text()
        if let value = try reader.take("readOnlyHint")?.boolean() { annotations.readOnlyHint = value }
        if let value = try reader.take("destructiveHint")?.boolean() { annotations.destructiveHint = value }
        if let value = try reader.take("idempotentHint")?.boolean() { annotations.idempotentHint = value }
        if let value = try reader.take("openWorldHint")?.boolean() { annotations.openWorldHint = value }
        try reader.finish()
        return annotations
    }
}

/// `route:` of a tool.
enum ToolRoute {
    case actors([String])
    case template(String, YAMLPlace)

    init(_ node: YAMLValue, tool: String) throws(ToolFileError) {
        switch node.kind {
        case .array:
            var actors: [String] = []
            for element in try node.elements("route") {
                guard element.kind != .object, element.kind != .array else { throw Self.malformed(node) }
                actors.append(try element.text())
            }
            self = .actors(actors)
        case .scalar: self = .template(try node.text(), node.place)
        case .null: self = .actors([])
        case .object: throw Self.malformed(node)
        }
    }

    private static func malformed(_ node: YAMLValue) -> ToolFileError {
        node.place.error("failed to parse YAML: route must be either an array of strings or a template name")
    }
}
