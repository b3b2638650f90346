import ArgumentParser
internal import Support

/// `asya mcp-forward`, also installed as `asya-mcp-forward`: a port of this machine that leads to a gateway in
/// Kubernetes
/// (cli.md 2). Standard output is exactly one line, the URL.
struct ForwardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp-forward",
        abstract: "Forward a local port to a gateway in Kubernetes and print its URL.",
        discussion: """
            Use it as: export ASYA_CLI_MCP_URL=$(asya mcp-forward)

            The forward stays when the command ends, unless --keep-alive is given; --stop ends it.
            """
    )

    @Option(name: [.short, .long], help: "Namespace of the gateway.")
    var namespace = "asya-e2e"

    @Option(name: [.short, .long], help: "Deployment of the gateway.")
    var deployment = "asya-gateway"

    @Option(help: "Forward to this service instead of a deployment.")
    var service: String?

    @Option(help: "Context of kubectl.")
    var context: String?

    @Option(name: [.short, .long], help: "Port of the gateway.")
    var port = 8080

    @Option(name: [.short, .customLong("local-port")], help: "Local port; the first free one from 8080 to 8999.")
    var localPort: Int?

    @Flag(inversion: .prefixedNo, help: "Wait until the gateway answers.")
    var checkHealth = true

    @Flag(help: "Stay until the forward ends or Ctrl-C, then end it.")
    var keepAlive = false

    @Flag(help: "End the forward that was left running.")
    var stop = false

    func validate() throws {
        for port in [self.port, self.localPort ?? 1] where !(1...65535).contains(port) {
            throw ValidationError("\(port) is not a port")
        }
    }

    func run() async throws {
        let target = ForwardTarget(
            context: self.context,
            namespace: self.namespace,
            resource: self.service.map { "service/\($0)" } ?? "deployment/\(self.deployment)",
            port: self.port
        )
        let state = ForwardState(target: target, environment: EnvironmentReader.process)
        if self.stop {
            if let running = state.running { ForwardProcess.end(running.processID) }
            state.remove()
            return
        }
        if let running = state.running {
            if try await self.reuse(running) { return }
            ForwardProcess.end(running.processID)
            state.remove()
        }
        try await self.start(target, state)
    }

    /// A forward of an earlier run, when it is what was asked for and works.
    private func reuse(_ running: ForwardState.Running) async throws -> Bool {
        if let localPort = self.localPort, localPort != running.localPort { return false }
        guard !self.keepAlive else { return false }
        if self.checkHealth {
            guard await GatewayHealthCheck.isHealthy(port: running.localPort) else { return false }
        }
        Console.output("http://localhost:\(running.localPort)\n")
        return true
    }

    private func start(_ target: ForwardTarget, _ state: ForwardState) async throws {
        let port = try self.chosenPort()
        let process = try ForwardProcess.start(target.command(localPort: port))
        state.save(ForwardState.Running(process, localPort: port))
        if self.checkHealth {
            try await self.waitUntilHealthy(process, port, state)
        } else {
            try await Task.sleep(for: .seconds(2))
        }
        guard self.keepAlive else {
            Console.output("http://localhost:\(port)\n")
            return
        }
        await ForwardProcess.waitForEndOrSignal(process) { Console.output("http://localhost:\(port)\n") }
        ForwardProcess.end(process)
        state.remove()
    }

    private func chosenPort() throws -> Int {
        guard let port = self.localPort else {
            guard let free = LocalPort.firstFree(in: 8080...8999) else {
                throw CommandFailure("No free ports found in range 8080-9000")
            }
            return free
        }
        guard LocalPort.isFree(port) else { throw CommandFailure("Port \(port) is already in use") }
        return port
    }

    private static let attempts = 5

    private func waitUntilHealthy(_ process: Int32, _ port: Int, _ state: ForwardState) async throws {
        for _ in 0..<Self.attempts {
            try await Task.sleep(for: .seconds(1))
            guard ForwardProcess.isAlive(process) else {
                state.remove()
                throw CommandFailure(
                    "kubectl port-forward ended",
                    hints: ["Is the gateway running? Try: kubectl get pods -n \(self.namespace)"]
                )
            }
            if await GatewayHealthCheck.isHealthy(port: port) { return }
        }
        ForwardProcess.end(process)
        state.remove()
        throw CommandFailure("The gateway does not answer on port \(port)")
    }
}

/// Where a forward leads.
struct ForwardTarget: Equatable {
    var context: String?
    var namespace: String
    var resource: String
    var port: Int

    func command(localPort: Int) -> [String] {
        var words = ["kubectl", "port-forward", "-n", self.namespace]
        if let context = self.context { words += ["--context", context] }
        return words + ["--pod-running-timeout=5m", self.resource, "\(localPort):\(self.port)"]
    }

    /// Tells the state files of different targets apart.
    var fileName: String {
        let name = [self.context ?? "", self.namespace, self.resource, String(self.port)].joined(separator: "_")
        return String(name.map { $0.isLetter || $0.isNumber || $0 == "-" ? $0 : "_" }.prefix(200)) + ".forward"
    }
}
