import Support
import Testing

@testable import ActorResource

/// A manifest that is valid, with parts replaced.
func manifest(
    name: String = "word-counter",
    transport: String = "transport: rabbitmq",
    spec: String = "",
    workload: String = "",
    container: String = "image: registry.example/word-counter:1.4",
    env: String = "- {name: ASYA_HANDLER, value: counter.count_words}",
    pod: String = ""
) -> String {
    """
    apiVersion: asya.sh/v1alpha1
    kind: AsyncActor
    metadata:
      name: \(name)
    spec:
      \(transport)
      \(spec)
      workload:
        \(workload)
        template:
          spec:
            \(pod)
            containers:
            - name: asya-runtime
              \(container)
              env:
              \(env)
    """
}

/// The manifest that `text` is.
func read(_ text: String, profile: ActorManifest.Profile = .kubernetes) -> ActorManifest {
    var manifest = ActorManifest(profile: profile)
    manifest.add(yaml: text, file: "actor.yaml")
    return manifest
}

@Suite struct ActorManifestTests {
    @Test("the smallest actor has the schema's defaults (crd.md section 9)")
    func smallest() throws {
        let result = read(manifest())
        #expect(result.findings == [])
        let actor = try #require(result.entries.first?.actor)
        #expect(actor.name == "word-counter")
        #expect(actor.queueName == "asya-word-counter")
        #expect(actor.spec.timeout == AsyncActor.Timeout(processing: 300, gracefulShutdown: 30))
        #expect(actor.spec.scaling == AsyncActor.Scaling(cooldownPeriod: 60))
        #expect(actor.spec.scaling.maxReplicas == 50 && actor.spec.scaling.queueLength == 5)
        #expect(actor.spec.sidecar == AsyncActor.Sidecar())
        #expect(actor.spec.workload.kind == "Deployment" && actor.spec.workload.replicas == 1)
        #expect(actor.spec.workload.pythonExecutable == "python3")
        #expect(actor.runtimeContainer?.literal("ASYA_HANDLER") == "counter.count_words")
    }

    @Test("the GPU sample is read with every field (crd.md section 9)")
    func gpuSample() throws {
        let result = read(Samples.gpu)
        #expect(result.findings == [Self.expectedGracefulShutdown])
        let actor = try #require(result.entries.first?.actor)
        #expect(actor.metadata.namespace == "vision")
        #expect(actor.spec.timeout == AsyncActor.Timeout(processing: 900, gracefulShutdown: 120))
        #expect(
            actor.spec.scaling
                == AsyncActor.Scaling(
                    enabled: true,
                    minReplicas: 0,
                    maxReplicas: 8,
                    pollingInterval: 5,
                    cooldownPeriod: 180,
                    queueLength: 2,
                    advanced: AsyncActor.Advanced(
                        formula: "queueLength * 2",
                        target: "4",
                        activationTarget: "1",
                        metricType: "AverageValue",
                        restoreToOriginalReplicaCount: true
                    )
                )
        )
        #expect(actor.spec.sidecar.image == "registry.example/asya-sidecar:2.0")
        #expect(actor.spec.sidecar.env == [EnvironmentEntry(name: "ASYA_LOG_LEVEL", value: "debug")])
        #expect(actor.spec.workload.pythonExecutable == "/opt/venv/bin/python")
        #expect(actor.runtimeContainer?.gpuCount == 1)
        #expect(actor.runtimeContainer?.limits["memory"] == "24Gi")
        let spec = actor.spec.workload.template.members?["spec"]?.members
        #expect(spec?["nodeSelector"] == .object(["node.example/gpu": .string("true")]))
    }

    private static let expectedGracefulShutdown = Finding(
        .gracefulShutdown,
        at: "spec.timeout.gracefulShutdown",
        "120 s to stop are less than 900 s to process: a pod that is stopped may lose its work, and the message is "
            + "processed again",
        severity: .warning,
        position: SourcePosition(file: "actor.yaml", line: 8, column: 30)
    )

    @Test("fixed replicas and a helper container are read (crd.md section 9)")
    func enricherSample() throws {
        let result = read(Samples.enricher)
        #expect(result.findings == [])
        let actor = try #require(result.entries.first?.actor)
        #expect(actor.spec.workload.replicas == 3)
        #expect(!actor.spec.scaling.enabled)
        #expect(actor.spec.workload.containers.map(\.name) == ["asya-runtime", "cache"])
        #expect(actor.runtimeContainer?.literal("ASYA_HANDLER_MODE") == "envelope")
    }

    @Test("explicit zeros and unknown fields of the pod stay (crd.md B1)")
    func zeros() throws {
        let text = manifest(
            spec: "timeout: {processing: 0}\n  scaling: {cooldownPeriod: 0}",
            pod: "someFutureField: 1"
        )
        let result = read(text)
        #expect(result.findings.filter { $0.severity == .error } == [])
        let actor = try #require(result.entries.first?.actor)
        #expect(actor.spec.timeout.processing == 0)
        #expect(actor.spec.scaling.cooldownPeriod == 0)
        #expect(actor.spec.workload.template.members?["spec"]?.members?["someFutureField"] == .number(1))
    }

    @Test("an object from the API server keeps an absent cool-down absent (crd.md section 2)")
    func stored() throws {
        let json = try JSONValue(parsing: #"{"metadata":{"name":"a","uid":"u","generation":3},"spec":{"scaling":{}}}"#)
        let actor = ActorDecoder.actor(json)
        #expect(actor.spec.scaling.cooldownPeriod == nil)
        #expect(actor.metadata.uid == "u" && actor.metadata.generation == 3)
        #expect(ActorDecoder.actor(json, defaults: .schema).spec.scaling.cooldownPeriod == 60)
    }

    @Test("several documents, lists and other kinds are told apart")
    func documents() {
        let text = [
            manifest(name: "a"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}", manifest(name: "b"), "",
            "apiVersion: v1\nkind: List\nitems:\n- " + manifest(name: "c").replacing("\n", with: "\n  "),
        ].joined(separator: "\n---\n")
        let result = read(text)
        #expect(result.findings == [])
        #expect(result.entries.map(\.actor.name) == ["a", "b", "c"])
        #expect(result.foreignDocuments.map(\.kind) == ["ConfigMap"])
    }

    @Test(
        "what is neither an actor nor another resource is a finding",
        arguments: [
            ("x: 1", "", ActorRule.unknownDocument), ("[1]", "", .unknownDocument), ("kind: Pod", "", .unknownDocument),
            ("apiVersion: asya.sh/v2\nkind: AsyncActor", "apiVersion", .enumeration),
            ("apiVersion: asya.sh/v1alpha1\nkind: Actor", "kind", .enumeration), ("a: [", "", .syntax),
        ]
    )
    func unknown(text: String, path: String, rule: ActorRule) {
        #expect(read(text).findings.contains { $0.rule == rule && "\($0.path)" == path && $0.severity == .error })
    }

    @Test("an actor that exists already is named with both places; in another namespace it shares the queue")
    func duplicates() {
        let twice = read(manifest(name: "a") + "\n---\n" + manifest(name: "a"))
        #expect(twice.findings.map(\.rule) == [.duplicateActor])
        #expect(twice.findings.first?.message == "the actor \"a\" is defined already at actor.yaml:1:1")
        let apart = manifest(name: "a\n  namespace: one") + "\n---\n" + manifest(name: "a\n  namespace: two")
        #expect(read(apart).findings.map(\.severity) == [.warning])
        #expect(read(apart, profile: .local).findings.map(\.severity) == [.error])
    }

    @Test("findings come in the order of the file and print like a compiler's")
    func printed() {
        let text = manifest(transport: "transport: \"\"", spec: "scaling: {minReplicas: -1, maxReplicas: 0}")
        #expect(
            read(text).findings.map(\.description) == [
                "actor.yaml:6:3: error: spec.transport: must not be empty",
                "actor.yaml:7:13: error: spec.scaling.minReplicas: must be at least 0, not -1",
                "actor.yaml:7:30: error: spec.scaling.maxReplicas: must be at least 1, not 0",
            ]
        )
    }
}
