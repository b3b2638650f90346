import ActorResource
import Glibc
import LocalStore
import Support

/// From manifests to the plans of everything that will run, end actors included.
struct PlanBuilder {
    /// What a run consists of.
    struct Result {
        var plans: [ActorPlan]
        var warnings: [String]
    }

    var options: UpOptions
    var environment: [String: String]
    var pythons: PythonSearch
    /// GPUs of this machine; nil when there is nothing to count.
    var gpuCount: Int?

    /// Plans of all actors in the order of the files, end actors that are missing behind them.
    func plans(_ manifest: ActorManifest, currentFolder: String) throws(UpError) -> Result {
        guard manifest.isValid else {
            throw UpError(manifest.findings.map(\.description).joined(separator: "\n"))
        }
        guard !manifest.entries.isEmpty else { throw UpError("the manifests have no actors; name others with -f") }
        var planner = ActorPlanner(
            transportEnvironment: self.transportEnvironment,
            caller: self.environment,
            pythons: self.pythons,
            gpuCount: self.gpuCount
        )
        var plans: [ActorPlan] = []
        for entry in manifest.entries {
            plans.append(try planner.plan(entry.actor, folder: Self.folder(of: entry.file, in: currentFolder)))
        }
        for name in EndActors.names where !plans.contains(where: { $0.name == name }) {
            plans.append(try planner.plan(self.endActor(name), folder: self.builtInFolder, isBuiltIn: true))
        }
        return Result(plans: plans, warnings: manifest.findings.map(\.description) + planner.warnings)
    }

    /// Holds the module of the end actors; made when the run begins.
    var builtInFolder: String { self.options.place.folder + "/end-actors" }

    /// The absolute folder of a file, without links: paths in a manifest count from there.
    private static func folder(of file: String, in currentFolder: String) -> String {
        let folder = StorePlace.folder(of: StorePlace.absolute(file, in: currentFolder))
        guard let pointer = realpath(folder, nil) else { return folder }
        defer { free(pointer) }
        return String(cString: pointer)
    }

    private var transportEnvironment: [String: String] {
        var variables = ["ASYA_TRANSPORT": self.options.transport.rawValue]
        if self.options.transport == .embedded { variables[StorePlace.pathVariable] = self.options.place.file }
        return variables
    }

    /// An end actor that sleeps until something arrives, and is quick to sleep again.
    private func endActor(_ name: String) -> AsyncActor {
        let variables = EndActors.environment(of: name, results: self.options.place.results)
        let entries = variables.sorted { $0.key < $1.key }.map { EnvironmentEntry(name: $0.key, value: $0.value).json }
        let container: JSONValue = .object([
            "name": .string(AsyncActor.runtimeContainerName), "env": .array(entries),
        ])
        return AsyncActor(
            metadata: AsyncActor.Metadata(name: name),
            spec: AsyncActor.Spec(
                transport: self.options.transport.rawValue,
                scaling: AsyncActor.Scaling(
                    enabled: true,
                    minReplicas: 0,
                    // One writer of the result file is enough; it takes sixteen messages at a time.
                    maxReplicas: 1,
                    cooldownPeriod: 30
                ),
                workload: AsyncActor.Workload(
                    template: .object(["spec": .object(["containers": .array([container])])])
                )
            )
        )
    }
}
