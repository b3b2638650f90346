import ActorResource
import LocalStore
import Support
import Testing

@testable import Up

@Suite struct PlanTests {
    static let files: Set<String> = ["/usr/bin/python3", "/code/.venv/bin/python", "/envs/a/bin/python"]
    static let folders: Set<String> = ["/code", "/pipeline", "/envs/a"]

    static var pythons: PythonSearch {
        PythonSearch(
            searchPath: "/bin:/usr/bin",
            isExecutable: { Self.files.contains($0) },
            isDirectory: { Self.folders.contains($0) }
        )
    }

    static func planner(gpuCount: Int? = nil, caller: [String: String] = [:]) -> ActorPlanner {
        ActorPlanner(
            transportEnvironment: ["ASYA_TRANSPORT": "embedded", "ASYA_EMBEDDED_PATH": "/state/queue.db"],
            caller: caller,
            pythons: Self.pythons,
            gpuCount: gpuCount
        )
    }

    static func actor(_ yaml: String) throws -> AsyncActor {
        var manifest = ActorManifest(profile: .local)
        manifest.add(yaml: yaml, file: "asya.yaml")
        return try #require(manifest.entries.first).actor
    }

    static let resource = """
        apiVersion: asya.sh/v1alpha1
        kind: AsyncActor
        metadata:
          name: caption
          namespace: vision
        spec:
          transport: sqs
          timeout: {processing: 900}
          sidecar:
            env:
            - {name: ASYA_LOG_LEVEL, value: debug}
          scaling: {enabled: true, minReplicas: 1, maxReplicas: 8, pollingInterval: 5, cooldownPeriod: 180, queueLength: 2}
          workload:
            pythonExecutable: /opt/venv/bin/python
            template:
              spec:
                containers:
                - name: asya-runtime
                  image: registry.example/caption:7
                  args: [--fast]
                  env:
                  - {name: ASYA_HANDLER, value: caption.Model.run}
                  - {name: MODEL, value: small}
                  - {name: MODEL_PATH, value: "/models/$(MODEL)/$(UNKNOWN)$$"}
                  - {name: ASYA_HANDLER_MODE, value: payload}
                  - {name: ASYA_HANDLER_MODE, value: envelope}
                  - {name: TOKEN, valueFrom: {secretKeyRef: {name: s, key: k}}}
                  - {name: MAYBE, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
                  - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                  resources:
                    limits: {nvidia.com/gpu: 2}
        """

    @Test("a custom resource becomes a plan: image ignored, its environment honoured as in a pod")
    func resource() throws {
        var planner = Self.planner(gpuCount: 4, caller: ["HOME": "/home/me", "ASYA_HANDLER": "other", "MODEL": "big"])
        let plan = try planner.plan(Self.actor(Self.resource), folder: "/pipeline")
        let rule = AutoscalerTests.rule(
            min: 1,
            max: 8,
            queueLength: 2,
            polling: .seconds(5),
            cooldown: .seconds(180)
        )
        #expect(plan.rule == .byDepth(rule))
        #expect(plan.queueName == "asya-caption")
        #expect(plan.gpuCount == 2)
        #expect(plan.python == "/usr/bin/python3", "a path in the manifest is one inside of the image")
        #expect(plan.processingTimeout == .seconds(900))
        #expect(plan.arguments == ["--fast"])
        let runtime = plan.runtimeEnvironment
        #expect(runtime["ASYA_HANDLER"] == "caption.Model.run")
        #expect(runtime["ASYA_HANDLER_MODE"] == "envelope", "of equal names the last counts")
        #expect(runtime["MODEL_PATH"] == "/models/small/$(UNKNOWN)$")
        #expect(runtime["POD"] == "caption")
        #expect(runtime["HOME"] == "/home/me")
        #expect(runtime["PYTHONPATH"] == "/pipeline")
        #expect(runtime["TOKEN"] == nil && runtime["MAYBE"] == nil)
        #expect(planner.warnings.count == 1 && planner.warnings[0].contains("export TOKEN"))
        let sidecar = plan.sidecarEnvironment
        #expect(sidecar["ASYA_ACTOR_NAME"] == "caption")
        #expect(sidecar["ASYA_RUNTIME_TIMEOUT"] == "900s")
        #expect(sidecar["ASYA_SHUTDOWN_TIMEOUT"] == "15m5s", "longer than the handler may take")
        #expect(sidecar["ASYA_TRANSPORT"] == "embedded")
        #expect(sidecar["ASYA_EMBEDDED_PATH"] == "/state/queue.db")
        #expect(sidecar["ASYA_LOG_LEVEL"] == "debug", "the sidecar's own env wins")
        #expect(sidecar["ASYA_IS_END_ACTOR"] == nil)
    }

    @Test("secrets come from the shell; settings of other actors do not leak into a handler")
    func callerEnvironment() throws {
        var planner = Self.planner(gpuCount: 2, caller: ["TOKEN": "t", "ASYA_CHUNK_SIZE": "1", "PYTHONPATH": "/lib"])
        let plan = try planner.plan(Self.actor(Self.resource), folder: "/pipeline")
        #expect(plan.runtimeEnvironment["TOKEN"] == "t")
        #expect(plan.runtimeEnvironment["ASYA_CHUNK_SIZE"] == nil)
        #expect(plan.runtimeEnvironment["PYTHONPATH"] == "/pipeline:/lib")
        #expect(planner.warnings == [])
    }

    @Test("GPUs: counted, missing, or too few")
    func gpus() throws {
        let actor = try Self.actor(Self.resource)
        var without = Self.planner()
        #expect(try without.plan(actor, folder: "/pipeline").gpuCount == 0)
        #expect(without.warnings.contains { $0.contains("runs without") })
        var one = Self.planner(gpuCount: 1)
        #expect(throws: UpError.self) { try one.plan(actor, folder: "/pipeline") }
    }

    @Test("each pair has its own socket, port and devices")
    func commands() throws {
        var planner = Self.planner(gpuCount: 4)
        let plan = try planner.plan(Self.actor(Self.resource), folder: "/pipeline")
        let toolkit = Toolkit(sidecar: "/bin/asya-sidecar", runtime: "/share/asya_runtime.py")
        let commands = plan.commands(toolkit: toolkit, socketDirectory: "/s/1", devices: [2, 3], metricsPort: 7)
        #expect(commands.runtime.arguments == ["/usr/bin/python3", "/share/asya_runtime.py", "--fast"])
        #expect(commands.sidecar.arguments == ["/bin/asya-sidecar"])
        #expect(commands.runtime.environment["CUDA_VISIBLE_DEVICES"] == "2,3")
        #expect(commands.runtime.environment["ASYA_SOCKET_DIR"] == "/s/1")
        #expect(commands.sidecar.environment["ASYA_SOCKET_DIR"] == "/s/1")
        #expect(commands.sidecar.environment["ASYA_METRICS_ADDR"] == "127.0.0.1:7")
        let bare = plan.commands(toolkit: toolkit, socketDirectory: "/s/1", devices: nil, metricsPort: nil)
        #expect(bare.runtime.environment["CUDA_VISIBLE_DEVICES"] == nil)
        #expect(bare.sidecar.environment["ASYA_METRICS_ENABLED"] == "false")
    }

    @Test("end actors: marked, without validation, never routed away")
    func endActors() throws {
        let yaml = Self.resource.replacing("name: caption\n", with: "name: error-end\n")
        var planner = Self.planner(gpuCount: 2)
        let plan = try planner.plan(Self.actor(yaml), folder: "/pipeline")
        #expect(plan.sidecarEnvironment["ASYA_IS_END_ACTOR"] == "true")
        #expect(plan.runtimeEnvironment["ASYA_ENABLE_VALIDATION"] == "false")
    }

    static func builder(transport: UpOptions.Transport = .embedded) -> PlanBuilder {
        let place = StorePlace.find(option: "/state/queue.db", environment: EnvironmentReader([:]))
        return PlanBuilder(
            options: UpOptions(place: place, transport: transport),
            environment: [:],
            pythons: Self.pythons,
            gpuCount: nil
        )
    }

    @Test("end actors that no manifest brings are added, those that one brings are not")
    func builtIn() throws {
        var manifest = ActorManifest(profile: .local)
        manifest.add(yaml: "actors: {a: m.f, error-end: m.g}\n", file: "/pipeline/asya.yaml")
        let plans = try Self.builder().plans(manifest, currentFolder: "/").plans
        #expect(plans.map(\.name) == ["a", "error-end", "happy-end"])
        #expect(plans.map(\.isBuiltIn) == [false, false, true])
        #expect(plans[2].rule.initialReplicas == 0)
        #expect(plans[2].runtimeEnvironment[EndActors.resultsVariable] == "/state/results")
        #expect(plans[0].sidecarEnvironment["ASYA_TRANSPORT"] == "embedded", "whatever the manifest says")
        let onBroker = try Self.builder(transport: .rabbitmq).plans(manifest, currentFolder: "/").plans
        #expect(onBroker[0].sidecarEnvironment["ASYA_TRANSPORT"] == "rabbitmq")
        #expect(onBroker[0].sidecarEnvironment["ASYA_EMBEDDED_PATH"] == nil)
    }

    @Test("manifests with errors or without actors are refused with all that is wrong")
    func refused() {
        var invalid = ActorManifest(profile: .local)
        invalid.add(yaml: "actors: {a: {replicas: -1}, b: {handler: 3.5, scaling: {maxReplicas: 0}}}\n", file: "x.yaml")
        #expect {
            try Self.builder().plans(invalid, currentFolder: "/pipeline")
        } throws: { error in
            "\(error)".split(separator: "\n").count >= 2 && "\(error)".contains("x.yaml:1")
        }
        #expect(throws: UpError.self) {
            try Self.builder().plans(ActorManifest(profile: .local), currentFolder: "/pipeline")
        }
    }

    @Test("a folder that is not there is named")
    func workdir() {
        var planner = Self.planner()
        #expect {
            try planner.plan(Self.actor("actors: {a: {handler: m.f, workdir: gone}}\n"), folder: "/pipeline")
        } throws: { error in
            "\(error)".contains("/pipeline/gone")
        }
    }
}
