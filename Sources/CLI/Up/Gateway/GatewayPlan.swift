import LocalStore
import Support

/// The gateway that `asya up` starts beside the actors: their pipelines as MCP tools, live progress and a page.
struct GatewayPlan: Equatable, Sendable {
    /// Where clients on this machine have always looked first (`cli.md` section 1).
    static let usualPort = 8089
    /// For its own listener and the sidecars: nobody else on the network is served unless somebody says so.
    static let loopback = "127.0.0.1"

    /// What sidecars of this machine do not know, and need not on the loopback interface.
    private static let clusterVariables = [
        "ASYA_GATEWAY_TLS_CERT_FILE", "ASYA_GATEWAY_TLS_KEY_FILE", "ASYA_GATEWAY_INTERNAL_PORT",
        "ASYA_GATEWAY_INTERNAL_TOKENS_FILE",
    ]

    /// Who has chosen the port.
    enum PortSource: Equatable, Sendable {
        /// We: another one will do when somebody else has it.
        case ourselves
        /// A person, with this option or variable.
        case named(String)
    }

    /// Absolute path.
    var program: String
    /// TCP port.
    var port: Int
    var portSource: PortSource
    /// A tools file or a folder of them.
    var toolsPath: String
    /// Complete but for what the members above say.
    var environment: [String: String]

    /// What clients and sidecars of this machine use.
    var url: String { "http://\(Self.loopback):\(self.port)" }

    /// The command, run in `folder`.
    ///
    /// - Parameter instance: what the process calls itself in its answers, see `isAnswer`.
    func command(in folder: String, instance: String) -> ProcessCommand {
        var environment = self.environment
        environment["ASYA_GATEWAY_PORT"] = "\(self.port)"
        environment["ASYA_GATEWAY_INSTANCE"] = instance
        environment["ASYA_CONFIG_PATH"] = self.toolsPath
        return ProcessCommand(arguments: [self.program], environment: environment, directory: folder)
    }

    /// Whether the process that was started under this name has answered, and not another program that has the port:
    /// `/ready` names the instance.
    static func isAnswer(_ body: String, of instance: String) -> Bool {
        // Whatever a stranger answers is not ours.
        guard let json = try? JSONValue(parsing: body) else { return false }
        return json.members?["instance"]?.string == instance
    }

    /// What is said of a port that a person has named and somebody else has.
    static func portIsTaken(_ port: Int, source: String) -> String {
        "port \(port), from \(source), is taken; name another, or none to have a free one chosen"
    }

    /// The gateway's environment: what the caller has set counts, what it has not is chosen for one machine.
    ///
    /// - Parameter queues: what `GatewayQueues` says.
    static func environment(
        caller: [String: String],
        queues: [String: String?],
        place: StorePlace
    ) -> [String: String] {
        var variables = caller
        for (name, value) in queues { variables[name] = value }
        for name in self.clusterVariables { variables[name] = nil }
        let chosen = [
            "ASYA_GATEWAY_HOST": self.loopback,
            "ASYA_GATEWAY_STORE_PATH": "\(place.folder)/gateway.db",
            // What `asya send` puts into the queues is seen too, though no tool was called.
            "ASYA_GATEWAY_ADOPT": "true",
            // Quieter than in a cluster, as the sidecars are.
            "ASYA_LOG_LEVEL": "warn",
        ]
        variables.merge(chosen) { own, new in own.isEmpty ? new : own }
        return variables
    }
}
