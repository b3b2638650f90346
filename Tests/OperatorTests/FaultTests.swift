import Foundation
import Logging
import NIOPosix
import Support
import Synchronization
import Testing

@testable import Operator

/// The whole operator against an API server that misbehaves. Queues are not managed here: no broker takes part.
@Suite("Faults of the API server", .timeLimit(.minutes(10)), .serialized)
struct FaultTests {
    private static let actorPath = "/apis/asya.sh/v1alpha1/namespaces/n/asyncactors/a"
    private static let deploymentPath = "/apis/apps/v1/namespaces/n/deployments/a"
    private static let scaledObjectPath = "/apis/keda.sh/v1alpha1/namespaces/n/scaledobjects/a"

    @Test("every first write of an object meets a conflict, and all is well in the end")
    func conflicts() async throws {
        let seen = ChangeLog()
        let api = FakeAPI { method, uri, _ in
            let path = String(uri.split(separator: "?")[0])
            guard method == "PATCH", !seen.contains(path) else { return nil }
            seen.add(path, nil)
            return .status(409)
        }
        try await self.run(api) { try await self.expectComplete(api) }
    }

    @Test("a server that answers every third request with an error is outlasted", arguments: [429, 500, 503])
    func storm(code: Int) async throws {
        let api = FakeAPI { _, _, number in number % 3 == 0 ? .status(code, retryAfter: "0") : nil }
        try await self.run(api) { try await self.expectComplete(api) }
    }

    @Test("answers that are lost after the write was done do no harm")
    func lostAnswers() async throws {
        let api = FakeAPI { method, _, number in method == "PATCH" && number % 2 == 0 ? .lostAnswer : nil }
        try await self.run(api) { try await self.expectComplete(api) }
    }

    @Test("lists that break off anywhere are read again", arguments: [0, 1, 17, 60, 200])
    func cutLists(count: Int) async throws {
        let api = FakeAPI { method, uri, number in
            method == "GET" && !uri.contains("watch") && number < 12 ? .cut(after: count) : nil
        }
        api.put(Self.actorPath, self.actor)
        try await self.run(api) { try await self.expectComplete(api) }
    }

    @Test("watches whose position is too old, and watches that break, lose nothing")
    func watches() async throws {
        let api = FakeAPI { _, uri, number in uri.contains("watch=true") && number < 60 ? .expired : nil }
        try await self.run(api) {
            try await self.expectComplete(api)
            api.dropWatches()
            api.put(Self.deploymentPath, ["metadata": ["name": "a", "namespace": "n"], "spec": ["broken": true]])
            try await self.until("the Deployment to be repaired") {
                api.object(Self.deploymentPath)?["spec"]?["template"] != nil
            }
        }
    }

    @Test("KEDA that appears later is found")
    func lateKEDA() async throws {
        let api = FakeAPI(absent: ["scaledobjects", "triggerauthentications"])
        var scaled = self.actor
        var spec = try #require(scaled["spec"])
        spec.set("scaling", ["enabled": true])
        scaled.set("spec", spec)
        api.put(Self.actorPath, scaled)
        try await self.run(api) {
            try await self.until("the missing API to be told") {
                self.condition(api, "ScalingReady")?["message"]?.string?.hasPrefix("KEDA CRDs not installed") == true
            }
            api.install("scaledobjects")
            api.install("triggerauthentications")
            try await self.until("the ScaledObject") { api.object(Self.scaledObjectPath) != nil }
        }
    }

    @Test("at rest nothing is written, whatever comes in between")
    func rest() async throws {
        let api = FakeAPI()
        try await self.run(api) {
            try await self.expectComplete(api)
            try await self.untilQuiet(api)
            let writes = api.writes.count
            api.dropWatches()
            try await Task.sleep(for: .seconds(2))
            #expect(api.writes.count == writes)
        }
    }

    @Test("a deleted actor goes through errors too")
    func deletion() async throws {
        let api = FakeAPI()
        try await self.run(api) {
            try await self.expectComplete(api)
            api.follow { _, _, number in number % 2 == 0 ? .status(500) : nil }
            var stored = try #require(api.object(Self.actorPath))
            var metadata = try #require(stored["metadata"])
            metadata.set("deletionTimestamp", "2026-01-02T03:04:05Z")
            stored.set("metadata", metadata)
            api.put(Self.actorPath, stored)
            try await self.until("the actor to go") { api.object(Self.actorPath) == nil }
        }
    }

    /// What happens to the first request of a kind.
    enum TakeOverFault: CaseIterable, Sendable {
        /// The status of the Deployment is written between our apply and the guarded patch.
        case conflict
        /// More often than is waited for within one reconcile.
        case conflicts
        /// The patch is done and its answer lost.
        case lostPatch
        /// The patch is done and the apply after it fails.
        case failedApply
    }

    @Test("a Deployment of the original is taken over, whatever comes in between", arguments: TakeOverFault.allCases)
    func takeOver(fault: TakeOverFault) async throws {
        let patches = Atomic(0)
        let applies = Atomic(0)
        let api = FakeAPI { method, uri, _ in
            guard method == "PATCH", uri.hasPrefix("\(Self.deploymentPath)?") else { return nil }
            let isPatch = !uri.contains("force=true")
            let patchCount = patches.add(isPatch ? 1 : 0, ordering: .relaxed).newValue
            if isPatch {
                switch fault {
                case .conflict: return patchCount == 1 ? .status(409) : nil
                case .conflicts: return patchCount <= ObjectWriter.conflictLimit + 1 ? .status(409) : nil
                case .lostPatch: return patchCount == 1 ? .lostAnswer : nil
                case .failedApply: return nil
                }
            }
            guard patchCount > 0, uri.contains("fieldManager=asya-operator&") else { return nil }
            let applyCount = applies.add(1, ordering: .relaxed).newValue
            return fault == .failedApply && applyCount == 1 ? .status(500) : nil
        }
        let made: JSONValue = ["f:metadata": ["f:ownerReferences": [:]]]
        api.put(
            Self.deploymentPath,
            [
                "metadata": [
                    "name": "a", "namespace": "n",
                    "managedFields": [["manager": "manager", "operation": "Update", "fieldsV1": made]],
                ],
                "spec": ["replicas": 1],
            ]
        )
        try await self.run(api) {
            try await self.until("the take-over and the apply after it") {
                let metadata = api.object(Self.deploymentPath)?["metadata"]
                let entries = metadata?["managedFields"]?.elements ?? []
                return !entries.contains { $0["manager"]?.string == "manager" }
                    && entries.contains { $0["manager"]?.string == "asya-operator" && $0["fieldsV1"] == nil }
                    && metadata?["annotations"]?[OwnedObject.appliedHashAnnotation] != nil
            }
            try await self.expectComplete(api)
        }
    }

    @Test("an event larger than a network packet and a TLS record arrives whole")
    func largeEvents() async throws {
        let api = FakeAPI()
        var large = self.actor
        var metadata = try #require(large["metadata"])
        metadata.set("annotations", ["asya.sh/note": .string(String(repeating: "x", count: 300_000))])
        large.set("metadata", metadata)
        api.put(Self.actorPath, large)
        try await self.run(api) { try await self.expectComplete(api) }
    }

    @Test("an actor nested deeper than we read is told so and can be deleted, whether listed or watched")
    func deepActor() async throws {
        let api = FakeAPI()
        func deep(_ name: String) throws -> JSONValue {
            var value: JSONValue = [:]
            for _ in 0..<2 * JSONValue.depthLimit { value = ["x": value] }
            var actor = self.actor
            actor.set("metadata", ["name": .string(name), "namespace": "n"])
            let pod: JSONValue = ["containers": [Samples.container], "future": value]
            actor.set("spec", ["transport": "rabbitmq", "workload": ["template": ["spec": pod]]])
            return actor
        }
        let collection = Self.actorPath.dropLast()
        api.put("\(collection)before", try deep("before"))
        try await self.run(api) {
            try await self.expectComplete(api)
            api.put("\(collection)later", try deep("later"))
            for name in ["before", "later"] {
                let path = "\(collection)\(name)"
                try await self.until("the status of \(name)") {
                    self.condition(api, "WorkloadReady", path)?["message"]?.string
                        == "spec.workload.template must not be nested more than 24 levels deep"
                }
                var stored = try #require(api.object(path))
                var metadata = try #require(stored["metadata"])
                #expect(metadata["finalizers"] == [.string(Reconciler.finalizer)])
                metadata.set("deletionTimestamp", "2026-01-02T03:04:05Z")
                stored.set("metadata", metadata)
                api.put(path, stored)
                try await self.until("\(name) to go") { api.object(path) == nil }
            }
        }
    }

    @Test("a disruption budget comes and goes with its annotation")
    func disruptionBudget() async throws {
        let api = FakeAPI()
        var protected = self.actor
        protected.set("metadata", try self.annotated(protected, "true"))
        api.put(Self.actorPath, protected)
        try await self.run(api) {
            try await self.expectComplete(api)
            let budget = try #require(api.object(Self.budgetPath))
            #expect(budget["spec"]?["maxUnavailable"]?.integer == 1)
            #expect(budget["spec"]?["selector"]?["matchLabels"]?["asya.sh/asya"]?.string == "a")
            #expect(budget["metadata"]?["ownerReferences"]?.elements?.first?["kind"]?.string == "AsyncActor")
            var stored = try #require(api.object(Self.actorPath))
            stored.set("metadata", try self.annotated(stored, "false"))
            api.put(Self.actorPath, stored)
            try await self.until("the budget to go") { api.object(Self.budgetPath) == nil }
        }
    }

    // MARK: Helpers

    private static let budgetPath = "/apis/policy/v1/namespaces/n/poddisruptionbudgets/a"

    private func annotated(_ actor: JSONValue, _ value: String) throws -> JSONValue {
        var metadata = try #require(actor["metadata"])
        metadata.set("annotations", [DesiredDisruptionBudget.annotation: .string(value)])
        return metadata
    }

    private var actor: JSONValue {
        [
            "apiVersion": "asya.sh/v1alpha1", "kind": "AsyncActor",
            "metadata": ["name": "a", "namespace": "n", "creationTimestamp": "2026-01-02T03:04:05Z"],
            "spec": [
                "transport": "rabbitmq", "timeout": ["processing": 300, "gracefulShutdown": 30],
                "scaling": ["enabled": false], "workload": ["template": ["spec": ["containers": [Samples.container]]]],
            ],
        ]
    }

    /// Runs an operator while `body` runs.
    private func run(_ api: FakeAPI, _ body: () async throws -> Void) async throws {
        let server = try await api.start()
        if api.object(Self.actorPath) == nil { api.put(Self.actorPath, self.actor) }
        let directory = FileManager.default.temporaryDirectory.appending(path: "asya-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let kubeconfig = directory.appending(path: "config").path
        let script = directory.appending(path: "script.py").path
        try Data(
            """
            current-context: c
            contexts: [{name: c, context: {cluster: c}}]
            clusters: [{name: c, cluster: {server: "\(server)"}}]
            """.utf8
        ).write(to: URL(fileURLWithPath: kubeconfig))
        try Data("print()".utf8).write(to: URL(fileURLWithPath: script))
        var flags = OperatorFlags()
        flags.kubeconfig = kubeconfig
        flags.metricsAddress = "0"
        flags.probeAddress = "0"
        let environment = [
            "ASYA_TRANSPORT_CONFIG":
                #"{"transports":{"rabbitmq":{"type":"rabbitmq","enabled":true,"config":{"host":"h","port":1,"username":"u"}}}}"#,
            "ASYA_DISABLE_QUEUE_MANAGEMENT": "true", "ASYA_RUNTIME_SCRIPT_PATH": script,
        ]
        let configuration = OperatorConfiguration(flags: flags, environment: environment, hostName: "h")
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let running = try Operator(configuration: configuration, environment: environment, logger: logger)
        let task = Task { try await running.run() }
        do {
            try await body()
        } catch {
            task.cancel()
            _ = try? await task.value
            throw error
        }
        task.cancel()
        _ = try await task.value
        try await api.stop()
        try FileManager.default.removeItem(at: directory)
    }

    private func expectComplete(_ api: FakeAPI) async throws {
        try await self.until("Deployment, ConfigMap and status") {
            api.object(Self.deploymentPath)?["spec"]?["template"]?["spec"] != nil
                && api.object("/api/v1/namespaces/n/configmaps/asya-runtime") != nil
                && self.condition(api, "TransportReady")?["status"]?.string == "True"
                && self.condition(api, "WorkloadReady")?["reason"]?.string == "PodsPending"
        }
    }

    private func condition(_ api: FakeAPI, _ type: String, _ path: String = Self.actorPath) -> JSONValue? {
        api.object(path)?["status"]?["conditions"]?.elements?.first { $0["type"]?.string == type }
    }

    /// Quiet for three seconds: the tests beside these keep the threads of Swift's pool busy.
    private func untilQuiet(_ api: FakeAPI) async throws {
        var last = -1
        var quietCount = 0
        while quietCount < 3 {
            quietCount = last == api.writes.count ? quietCount + 1 : 0
            last = api.writes.count
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func until(_ what: String, _ condition: () -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(300)
        while !condition() {
            try #require(ContinuousClock.now < limit, "gave up waiting for \(what)")
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
