internal import Logging
internal import MCP
internal import Synchronization

extension MCP.ToolInterface {
    /// A configured tool as MCP clients see it. Throws for a schema or header that clients could not use.
    init(_ tool: ToolDefinition) throws(SchemaError) {
        func tree(_ raw: RawJSON, _ pointer: String) throws(SchemaError) -> JSONTree {
            do throws(JSONTreeError) {
                return try JSONTree(parsing: raw.bytes)
            } catch {
                throw SchemaError(pointer: pointer, reason: "cannot be read: \(error)")
            }
        }
        var output: JSONTree?
        if let schema = tool.outputSchema { output = try tree(schema, "/output_schema") }
        try self.init(
            name: tool.name,
            title: tool.annotations.title,
            description: tool.description,
            inputSchema: try tree(tool.inputSchema, ""),
            outputSchema: output,
            annotations: Self.annotations(tool.annotations),
            answer: tool.response == .wait ? .wait : .async,
            tasks: TaskMode(rawValue: tool.tasks.rawValue) ?? .never
        )
    }

    private static func annotations(_ hints: ToolAnnotations) -> JSONTree {
        var members: [(String, JSONTree)] = []
        if let title = hints.title { members.append(("title", .string(title))) }
        members.append(("readOnlyHint", .bool(hints.readOnlyHint)))
        members.append(("destructiveHint", .bool(hints.destructiveHint)))
        members.append(("idempotentHint", .bool(hints.idempotentHint)))
        members.append(("openWorldHint", .bool(hints.openWorldHint)))
        return .object(JSONObject(members))
    }
}

/// What is wrong with a tool for MCP clients; asked when a configuration is loaded.
public enum MCPToolCheck {
    /// `nil` when nothing is.
    public static func problem(_ tool: ToolDefinition) -> String? {
        do throws(SchemaError) {
            _ = try MCP.ToolInterface(tool)
            return nil
        } catch {
            return "tool \(quoted(tool.name)): \(error)"
        }
    }
}

/// The catalog's tools for MCP, converted once per configuration.
final class MCPTools: Sendable {
    struct Tool: Sendable {
        var definition: ToolDefinition
        var interface: MCP.ToolInterface
    }

    struct Snapshot: Sendable {
        var generation: Int
        /// Sorted by name.
        var tools: [Tool]
        var names: [String]
        var byName: [String: Int]
    }

    private let catalog: ToolCatalog
    private let logger: Logger
    private let cache: Mutex<Snapshot?> = Mutex(nil)

    init(catalog: ToolCatalog, logger: Logger) {
        self.catalog = catalog
        self.logger = logger
    }

    var current: Snapshot {
        let source = self.catalog.current
        return self.cache.withLock { cached in
            if let cached, cached.generation == source.generation { return cached }
            let fresh = self.converted(source)
            cached = fresh
            return fresh
        }
    }

    /// What the tool's schema says against these arguments; nil when nothing, or when there is no such tool.
    func problem(with arguments: RawJSON?, of name: String) -> String? {
        let snapshot = self.current
        return snapshot.byName[name].flatMap { ArgumentCheck.problem(with: arguments, of: snapshot.tools[$0]) }
    }

    /// A tool that cannot be shown is left out; the loader refuses such tools, so this is a second line of defence.
    private func converted(_ source: ToolCatalog.Snapshot) -> Snapshot {
        var tools: [Tool] = []
        for definition in source.tools {
            do throws(SchemaError) {
                tools.append(Tool(definition: definition, interface: try MCP.ToolInterface(definition)))
            } catch {
                self.logger.error(
                    "Tool is not offered over MCP",
                    metadata: ["tool": "\(definition.name)", "error": "\(error)"]
                )
            }
        }
        let names = tools.map(\.definition.name)
        let byName = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        return Snapshot(generation: source.generation, tools: tools, names: names, byName: byName)
    }

    /// The result of `tools/list`. The legacy era has no page limit, as the original has none.
    func list(
        params: JSONObject,
        version: ProtocolVersion,
        description: ServerDescription
    ) throws(RPCError) -> JSONTree {
        let snapshot = self.current
        let page = try ToolPage.slice(
            of: snapshot.names,
            generation: snapshot.generation,
            cursor: params["cursor"],
            size: version.isLegacy ? Int.max : ToolPage.size
        )
        let tools = snapshot.tools[page.range].map { $0.interface.listed(for: version) }
        var members: [(String, JSONTree)] = [("tools", .array(tools))]
        if let next = page.nextCursor { members.append(("nextCursor", .string(next))) }
        guard !version.isLegacy else { return .object(JSONObject(members)) }
        return description.cacheable(members, ttlMilliseconds: ServerDescription.listTTLMilliseconds)
    }
}
