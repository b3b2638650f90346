/// Where the other programs of Asya are: the sidecar, the files that Python runs, and the gateway.
struct Toolkit: Equatable, Sendable {
    static let sidecarVariable = "ASYA_SIDECAR_BINARY"
    static let runtimeVariable = "ASYA_RUNTIME_PATH"
    static let gatewayVariable = "ASYA_GATEWAY_BINARY"
    private static let gatewayName = "asya-gateway"
    private static let runtimeName = "asya_runtime.py"

    var sidecar: String
    var runtime: String
    /// Nil where it is not installed: pipelines run without one.
    var gateway: String?

    /// What the search needs of the machine; a value, so that tests need no files.
    struct Machine {
        var environment: [String: String]
        /// Folder of the running program, links resolved.
        var programFolder: String
        var isFile: (String) -> Bool
        var isExecutable: (String) -> Bool
    }

    /// The variables win; else beside the program, as installed (`../share/asya`) and as in the repository.
    static func find(on machine: Machine, transport: UpOptions.Transport) throws(UpError) -> Toolkit {
        let folder = machine.programFolder
        let names = self.sidecarNames(for: transport)
        return Toolkit(
            sidecar: try Self.path(
                of: "the sidecar",
                variable: Self.sidecarVariable,
                candidates: names.map { "\(folder)/\($0)" } + names.map { "\(folder)/../libexec/asya/\($0)" },
                environment: machine.environment,
                exists: machine.isExecutable
            ),
            runtime: try Self.path(
                of: "the Python runtime",
                variable: Self.runtimeVariable,
                candidates: [
                    "\(folder)/\(Self.runtimeName)",
                    "\(folder)/../share/asya/\(Self.runtimeName)",
                    "\(folder)/../Sources/Runtime/\(Self.runtimeName)",
                ],
                environment: machine.environment,
                exists: machine.isFile
            ),
            gateway: try Self.gateway(on: machine)
        )
    }

    /// As above, and in `PATH`: it is a program of its own, which may have been installed apart.
    private static func gateway(on machine: Machine) throws(UpError) -> String? {
        if let path = machine.environment[Self.gatewayVariable], !path.isEmpty {
            guard machine.isExecutable(path) else { throw Self.wrong(Self.gatewayVariable, path) }
            return path
        }
        let searched = (machine.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        let folders = [machine.programFolder, "\(machine.programFolder)/../libexec/asya"] + searched
        return folders.map { "\($0)/\(Self.gatewayName)" }.first(where: machine.isExecutable)
    }

    private static func wrong(_ variable: String, _ path: String) -> UpError {
        UpError("\(variable) names \(path), but there is no such file; correct or unset the variable")
    }

    /// SQS has a sidecar of its own, so that the others do not carry its libraries.
    private static func sidecarNames(for transport: UpOptions.Transport) -> [String] {
        switch transport {
        case .embedded, .rabbitmq: ["asya-sidecar"]
        case .sqs: ["asya-sidecar-sqs"]
        }
    }

    private static func path(
        of what: String,
        variable: String,
        candidates: [String],
        environment: [String: String],
        exists: (String) -> Bool
    ) throws(UpError) -> String {
        if let path = environment[variable], !path.isEmpty {
            guard exists(path) else { throw Self.wrong(variable, path) }
            return path
        }
        for candidate in candidates where exists(candidate) { return candidate }
        throw UpError(
            "\(what) was not found; looked for \(candidates.joined(separator: ", ")). Set \(variable) to its path"
        )
    }
}
