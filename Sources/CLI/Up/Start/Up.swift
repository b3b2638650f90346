import ActorResource
import CProcess
import Glibc
import LocalStore
import ManifestFiles
import Support

/// `asya up`: from manifests to running processes, and back to none.
public enum Up {
    /// What the command line needs for its exit status.
    public enum Outcome: Sendable {
        /// Ended in order, or nothing was to be started (`--dry-run`).
        case done
        /// Ended by a second Ctrl-C: what was being worked on went back to its queue.
        case interrupted
    }

    /// Runs until a signal. Called on the main thread, which must live as long as the program: the kernel ends the
    /// processes with the thread that started them.
    public static func run(_ options: UpOptions) throws(UpError) -> Outcome {
        precondition(cprocess_is_main_thread() == 1, "processes end with the thread that started them")
        let environment = EnvironmentReader.processVariables
        let machine = Self.machine(environment: environment)
        let pythons = PythonSearch(
            searchPath: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
            isExecutable: machine.isExecutable,
            isDirectory: Self.isDirectory
        )
        let manifest = try Self.manifest(options.manifests)
        let builder = PlanBuilder(
            options: options,
            environment: environment,
            pythons: pythons,
            gpuCount: options.gpuCount ?? Self.detectedGPUs(manifest, environment: environment)
        )
        let result = try builder.plans(manifest, currentFolder: StorePlace.currentFolder())
        let toolkit = try Toolkit.find(on: machine, transport: options.transport)
        let setup = GatewaySetup(options: options, environment: environment, toolkit: toolkit)
        let choice = try setup.choose()
        if options.isDryRun {
            Self.printPlan(result, choice, options: options, environment: environment)
            return .done
        }
        try Self.writeEndActors(options.place)
        let run = UpRun(
            options: options,
            plans: result.plans,
            warnings: result.warnings + setup.warnings(of: choice, plans: result.plans),
            toolkit: toolkit,
            gpuCount: builder.gpuCount,
            gatewaySetup: setup,
            gatewayChoice: choice,
            environment: environment
        )
        return try run.run()
    }

    private static func manifest(_ paths: [String]) throws(UpError) -> ActorManifest {
        do throws(ManifestFiles.Failure) {
            return try ManifestFiles.read(paths, profile: .local)
        } catch {
            throw UpError(error.description)
        }
    }

    /// The module of the built-in end actors is a file, because the Python runtime imports it.
    private static func writeEndActors(_ place: StorePlace) throws(UpError) {
        let folder = place.folder + "/end-actors"
        for folder in [place.folder, folder] where mkdir(folder, 0o755) != 0 && errno != EEXIST {
            throw UpError("cannot make the folder \(folder): \(String(cString: strerror(errno)))")
        }
        // Queues and results do not belong into anybody's repository.
        if place.folder.hasSuffix("/\(StorePlace.folderName)") {
            try WholeFile.write(Array("*\n".utf8), toFile: "\(place.folder)/.gitignore")
        }
        try WholeFile.write(Array(EndActors.source.utf8), toFile: "\(folder)/\(EndActors.fileName)")
    }

    private static func printPlan(
        _ result: PlanBuilder.Result,
        _ gateway: GatewaySetup.Choice,
        options: UpOptions,
        environment: [String: String]
    ) {
        let inherited = Set(environment.keys)
        let transport = options.transport.rawValue
        for warning in result.warnings { Self.write("[!] \(warning)\n", to: 2) }
        if options.writesJSON {
            let json = DryRun.json(result.plans, transport: transport, inherited: inherited)
            Self.write(String(decoding: json, as: UTF8.self) + "\n", to: 1)
        } else {
            let actors = DryRun.text(result.plans, transport: transport, inherited: inherited)
            Self.write("\(actors)\n\(DryRun.text(of: gateway))\n", to: 1)
        }
    }

    private static func detectedGPUs(_ manifest: ActorManifest, environment: [String: String]) -> Int? {
        // Asking takes a second on machines that have some.
        guard manifest.entries.contains(where: { ($0.actor.runtimeContainer?.gpuCount ?? 0) > 0 }) else { return nil }
        return GPUDetection.count(searchPath: environment["PATH"] ?? "", environment: environment)
    }

    private static func machine(environment: [String: String]) -> Toolkit.Machine {
        Toolkit.Machine(
            environment: environment,
            programFolder: Self.programFolder(),
            isFile: { access($0, R_OK) == 0 && !Self.isDirectory($0) },
            isExecutable: { access($0, X_OK) == 0 && !Self.isDirectory($0) }
        )
    }

    private static func programFolder() -> String {
        guard let pointer = realpath("/proc/self/exe", nil) else { return "." }
        defer { free(pointer) }
        let path = String(cString: pointer)
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    static func isDirectory(_ path: String) -> Bool {
        var information = stat()
        return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }

    private static func write(_ text: String, to descriptor: Int32) {
        // Where nobody reads any more there is nobody to tell either.
        _ = DescriptorOutput.write(Array(text.utf8), to: descriptor)
    }
}
