import Glibc
import LocalStore
import ManifestFiles
import Support

/// Decides at the start whether a gateway runs beside the actors, with which tools and on which port.
struct GatewaySetup {
    /// Whether there will be one.
    enum Choice: Equatable {
        case none
        /// The same, with a sentence why.
        case missing(String)
        /// `toolsPath`: what somebody wrote; nil for a tool for each actor.
        case found(program: String, toolsPath: String?)
    }

    private static let portVariable = "ASYA_GATEWAY_PORT"
    private static let urlVariable = "ASYA_GATEWAY_URL"
    private static let generatedName = "actor-tools.yaml"

    var options: UpOptions
    var environment: [String: String]
    var toolkit: Toolkit

    private var wanted: UpOptions.Gateway { self.options.gateway }

    func choose() throws(UpError) -> Choice {
        guard self.wanted.isWanted else { return .none }
        let isAskedFor = self.wanted.port != nil || self.wanted.toolsPath != nil
        if let url = self.environment[Self.urlVariable], !url.isEmpty {
            let text = "\(Self.urlVariable) is set: the sidecars report to that gateway, and none is started here"
            guard !isAskedFor else { throw UpError("\(text); unset the variable, or leave --gateway-port and --tools") }
            return .missing(text)
        }
        guard let program = self.toolkit.gateway else {
            let text = "asya-gateway is neither beside asya nor in PATH"
            guard !isAskedFor else {
                throw UpError("\(text); install it, or set \(Toolkit.gatewayVariable) to its path")
            }
            return .missing("\(text): the actors are no MCP tools (--no-gateway: without this line)")
        }
        let toolsPath = GatewayTools.written(
            option: self.wanted.toolsPath,
            variable: self.environment[GatewayTools.variable],
            manifests: self.options.manifests,
            currentFolder: StorePlace.currentFolder(),
            exists: { access($0, F_OK) == 0 },
            isFolder: Up.isDirectory
        )
        if let toolsPath { try self.check(toolsPath, program: program) }
        return .found(program: program, toolsPath: toolsPath)
    }

    /// The gateway reads the tools with its own rules, before anything starts: file, line and what is wrong.
    private func check(_ toolsPath: String, program: String) throws(UpError) {
        let command = ProcessCommand(
            arguments: [program, "check", "--tools", toolsPath],
            environment: self.environment,
            directory: StorePlace.currentFolder()
        )
        guard let answer = ShortCommand.run(command), answer.end != .exited(0) else { return }
        let marker = "[-] "
        let lines = answer.lines.map { $0.hasPrefix(marker) ? String($0.dropFirst(marker.count)) : $0 }
        throw UpError(lines.isEmpty ? "\(program) check: \(answer.end.text)" : lines.joined(separator: "\n"))
    }

    /// What is odd about the tools, but no reason not to start.
    func warnings(of choice: Choice, plans: [ActorPlan]) -> [String] {
        guard case .found(_, let path?) = choice, !Up.isDirectory(path),
            // The gateway has read it a moment ago, and tells if it cannot any more.
            let text = try? ManifestFiles.text(of: path, name: path)
        else { return [] }
        return ToolRoutes.warnings(yaml: text, file: path, actors: Set(plans.map(\.name)))
    }

    /// The gateway of a choice. Called when the folder of the queues is there and ours.
    func gateway(_ choice: Choice, plans: [ActorPlan]) throws(UpError) -> GatewayRun? {
        guard case .found(let program, let toolsPath) = choice else { return nil }
        let place = self.options.place
        let generatedPath = "\(place.folder)/\(Self.generatedName)"
        guard let generated = GatewayTools.generated(plans) else {
            throw UpError("the actors' names have no form in YAML")
        }
        try WholeFile.write(Array(generated.utf8), toFile: generatedPath)
        let environment = GatewayPlan.environment(
            caller: self.environment,
            queues: try GatewayQueues.variables(
                transport: self.options.transport,
                place: place,
                environment: EnvironmentReader(self.environment)
            ),
            place: place
        )
        let (port, source) = try self.port()
        let plan = GatewayPlan(
            program: program,
            port: port,
            portSource: source,
            toolsPath: toolsPath ?? generatedPath,
            environment: environment
        )
        return GatewayRun(plan: plan, place: place, toolsWatch: self.toolsWatch(generatedPath))
    }

    /// Only while code is watched, and while nobody has named another file.
    private func toolsWatch(_ generatedPath: String) -> GatewayRun.ToolsWatch? {
        let isNamed = self.wanted.toolsPath != nil || !(self.environment[GatewayTools.variable] ?? "").isEmpty
        guard self.options.watches, !isNamed else { return nil }
        let candidates = GatewayTools.places(
            manifests: self.options.manifests,
            currentFolder: StorePlace.currentFolder(),
            isFolder: Up.isDirectory
        )
        return GatewayRun.ToolsWatch(places: candidates, generatedPath: generatedPath)
    }

    /// One that was asked for has to be free; instead of the usual one another will do.
    private func port() throws(UpError) -> (Int, GatewayPlan.PortSource) {
        let text = self.environment[Self.portVariable].flatMap { $0.isEmpty ? nil : $0 }
        guard let port = self.wanted.port ?? text.map({ Int($0) ?? 0 }) else {
            guard let free = LoopbackPort.free(preferred: GatewayPlan.usualPort) else {
                throw UpError("there is no free TCP port for the gateway")
            }
            return (free, .ourselves)
        }
        let source = self.wanted.port == nil ? Self.portVariable : "--gateway-port"
        guard (1...65_535).contains(port) else { throw UpError("\(source) is no port number from 1 to 65535") }
        guard LoopbackPort.isFree(port) else {
            throw UpError(GatewayPlan.portIsTaken(port, source: source))
        }
        return (port, .named(source))
    }
}
