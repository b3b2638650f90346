internal import FoundationEssentials

/// The tools of a file or of a directory of files, complete and checked (`gateway.md` 2).
public struct ToolConfiguration: Sendable, Equatable {
    /// Tools with unique names.
    public let tools: [ToolDefinition]

    /// Reads a file, or all `.yaml` and `.yml` files directly in a directory.
    public init(path: String) throws(ToolFileError) {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw ToolFileError("config path error: \(path) does not exist")
        }
        self = try isDirectory ? Self(directory: path) : Self(file: path)
    }

    /// The tool that exists without a configuration.
    public static let builtIn = ToolConfiguration(tools: [.processImageWorkflow])

    private init(tools: [ToolDefinition]) {
        self.tools = tools
    }

    private init(file path: String) throws(ToolFileError) {
        let file = try ToolFile(yaml: Self.read(path), name: path)
        self = try Self.merge([(path, file)], isDirectory: false)
    }

    private init(directory path: String) throws(ToolFileError) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw ToolFileError("config path error: cannot list \(path)")
        }
        var files: [(String, ToolFile)] = []
        for name in names.sorted() where name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            let full = path + "/" + name
            var isDirectory = false
            guard FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory), !isDirectory else {
                continue
            }
            do throws(ToolFileError) {
                files.append((full, try ToolFile(yaml: Self.read(full), name: full)))
            } catch {
                throw error.wrapped("failed to load \(name)")
            }
        }
        guard !files.isEmpty else { throw ToolFileError("no YAML files found in directory") }
        self = try Self.merge(files, isDirectory: true)
    }

    /// For tests and for whoever has the text already.
    public init(yaml text: String, name: String = "tools.yaml") throws(ToolFileError) {
        self = try Self.merge([(name, try ToolFile(yaml: text, name: name))], isDirectory: false)
    }

    private static func read(_ path: String) throws(ToolFileError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ToolFileError("failed to open config file: cannot read \(path)")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw ToolFileError("failed to parse YAML: not UTF-8", file: path)
        }
        return text
    }

    /// Unites files, then resolves routes: a template may stand in another file than its user.
    static func merge(
        _ files: [(name: String, file: ToolFile)],
        isDirectory: Bool
    ) throws(ToolFileError) -> ToolConfiguration {
        let invalid = isDirectory ? "merged config is invalid" : "invalid configuration"
        var templates: [String: ToolFile.Template] = [:]
        var defaults = ToolFile.Defaults()
        var entries: [ToolFile.Entry] = []
        var names: Set<String> = []
        for (_, file) in files {
            if let own = file.defaults { defaults = own }
            for (name, template) in file.templates {
                guard templates.updateValue(template, forKey: name) == nil else {
                    throw template.place.error("duplicate route template across configs: \(quoted(name))")
                }
            }
            for entry in file.tools {
                let name = entry.definition.name
                guard names.insert(name).inserted else {
                    let isElsewhere = !file.tools.prefix { $0.place != entry.place }.contains {
                        $0.definition.name == name
                    }
                    throw entry.place.error(
                        isDirectory && isElsewhere
                            ? "duplicate tool name across configs: \(quoted(name))"
                            : "\(invalid): duplicate tool name: \(quoted(name))"
                    )
                }
                entries.append(entry)
            }
        }
        guard !entries.isEmpty else { throw ToolFileError("\(invalid): no tools defined", file: files.first?.name) }
        var tools: [ToolDefinition] = []
        for entry in entries {
            do throws(ToolFileError) {
                tools.append(try self.complete(entry, templates, defaults))
            } catch {
                throw error.wrapped(invalid)
            }
        }
        return ToolConfiguration(tools: tools)
    }

    private static func complete(
        _ entry: ToolFile.Entry,
        _ templates: [String: ToolFile.Template],
        _ defaults: ToolFile.Defaults
    ) throws(ToolFileError) -> ToolDefinition {
        var tool = entry.definition
        tool.actors = try self.actors(entry, templates)
        tool.offersProgress = entry.offersProgress ?? defaults.offersProgress ?? false
        tool.timeoutSeconds =
            entry.timeoutSeconds ?? defaults.timeoutSeconds ?? ToolDefinition.defaultTimeoutSeconds
        tool.appliesDefaults = entry.appliesDefaults ?? defaults.appliesDefaults ?? false
        // A schema or header name that MCP clients could not use must not wait for the first of them.
        if let problem = MCPToolCheck.problem(tool) { throw entry.place.error(problem) }
        return tool
    }

    private static func actors(
        _ entry: ToolFile.Entry,
        _ templates: [String: ToolFile.Template]
    ) throws(ToolFileError) -> [String] {
        let tool = "tool \(quoted(entry.definition.name))"
        switch entry.route {
        case .actors(let actors) where !actors.isEmpty: return actors
        case .template(let name, let place) where !name.isEmpty:
            guard let template = templates[name] else {
                throw place.error("\(tool): invalid route: route template \(quoted(name)) not found")
            }
            guard !template.actors.isEmpty else { throw place.error("\(tool): route cannot be empty") }
            return template.actors
        case .actors, .template, nil:
            throw entry.place.error("\(tool): invalid route: route has no actors or template")
        }
    }
}

extension ToolDefinition {
    /// `gateway.md` 2.6.
    static let processImageWorkflow: ToolDefinition = {
        var tool = ToolDefinition(name: "processImageWorkflow")
        tool.description = "Generate images, score them, and return the best results"
        var description = ToolParameter(name: "description", type: .string)
        description.isRequired = true
        var route = ToolParameter(name: "route", type: .array)
        route.isRequired = true
        route.items = [ToolParameter(name: "", type: .string)]
        tool.parameters = [
            description, ToolParameter(name: "count", type: .number), route,
            ToolParameter(name: "timeout", type: .number),
        ]
        tool.offersProgress = true
        tool.timeoutSeconds = 0
        tool.isBuiltIn = true
        return tool
    }()
}
