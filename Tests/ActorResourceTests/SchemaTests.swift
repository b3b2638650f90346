import Testing

@testable import ActorResource

@Suite struct SchemaTests {
    /// One row of crd.md sections 2 and 8: a manifest, and the field and rule the API server refuses it for.
    struct Row: Sendable, CustomTestStringConvertible {
        var text: String
        var path: String?
        var rule: ActorRule?
        var testDescription: String { "\(self.path ?? "accepted"): \(self.rule?.rawValue ?? "")" }
    }

    static let rows: [Row] = [
        Row(text: manifest(transport: ""), path: "spec.transport", rule: .required),
        Row(text: manifest(transport: "transport: null"), path: "spec.transport", rule: .required),
        Row(text: manifest(transport: "transport: ''"), path: "spec.transport", rule: .required),
        Row(text: manifest(transport: "transport: 5"), path: "spec.transport", rule: .type),
        Row(text: header + "spec: {transport: t}", path: "spec.workload", rule: .required),
        Row(text: header + "spec: {transport: t, workload: {}}", path: "spec.workload.template", rule: .required),
        Row(text: header, path: "spec", rule: .required),
        Row(text: header + "spec: [1]", path: "spec", rule: .type),
        Row(text: manifest(name: ""), path: "metadata.name", rule: .required),
        Row(text: manifest(name: "5"), path: "metadata.name", rule: .type),
        Row(text: manifest(name: "a\n  labels: {a: 1}"), path: "metadata.labels.a", rule: .type),
        Row(text: manifest(workload: "kind: Pod"), path: "spec.workload.kind", rule: .enumeration),
        Row(text: manifest(workload: "kind: DaemonSet"), path: "spec.workload.kind", rule: .enumeration),
        Row(text: manifest(workload: "kind: ReplicaSet"), path: "spec.workload.kind", rule: .enumeration),
        Row(text: manifest(workload: "replicas: -1"), path: "spec.workload.replicas", rule: .minimum),
        Row(text: manifest(workload: "replicas: 3000000000"), path: "spec.workload.replicas", rule: .format),
        Row(text: manifest(workload: "replicas: 1.5"), path: "spec.workload.replicas", rule: .type),
        Row(text: manifest(workload: "replicas: '3'"), path: "spec.workload.replicas", rule: .type),
        Row(text: manifest(workload: "replicas: 2.0"), path: nil, rule: nil),
        Row(text: manifest(workload: "pythonExecutable: 3"), path: "spec.workload.pythonExecutable", rule: .type),
        Row(text: scaling("enabled: 1"), path: "spec.scaling.enabled", rule: .type),
        Row(text: scaling("minReplicas: -1"), path: "spec.scaling.minReplicas", rule: .minimum),
        Row(text: scaling("maxReplicas: 0"), path: "spec.scaling.maxReplicas", rule: .minimum),
        Row(text: scaling("queueLength: 0"), path: "spec.scaling.queueLength", rule: .minimum),
        Row(text: scaling("queueLength: -5"), path: "spec.scaling.queueLength", rule: .minimum),
        Row(text: scaling("pollingInterval: 0"), path: "spec.scaling.pollingInterval", rule: .minimum),
        Row(text: scaling("cooldownPeriod: -1"), path: "spec.scaling.cooldownPeriod", rule: .minimum),
        Row(text: scaling("cooldownPeriod: 0"), path: nil, rule: nil),
        Row(text: scaling("pollingInterval: null"), path: nil, rule: nil),
        Row(
            text: scaling("advanced: {metricType: InvalidType}"),
            path: "spec.scaling.advanced.metricType",
            rule: .enumeration
        ),
        Row(text: scaling("advanced: {target: 4}"), path: "spec.scaling.advanced.target", rule: .type),
        Row(
            text: scaling("advanced: {restoreToOriginalReplicaCount: x}"),
            path: "spec.scaling.advanced.restoreToOriginalReplicaCount",
            rule: .type
        ),
        Row(text: timeout("processing: -1"), path: "spec.timeout.processing", rule: .minimum),
        Row(text: timeout("gracefulShutdown: -10"), path: "spec.timeout.gracefulShutdown", rule: .minimum),
        Row(text: timeout("processing: 5m"), path: "spec.timeout.processing", rule: .type),
        Row(text: sidecar("imagePullPolicy: InvalidPolicy"), path: "spec.sidecar.imagePullPolicy", rule: .enumeration),
        Row(text: sidecar("image: 5"), path: "spec.sidecar.image", rule: .type),
        Row(
            text: sidecar("resources: {limits: {memory: many}}"),
            path: "spec.sidecar.resources.limits.memory",
            rule: .format
        ),
        Row(
            text: sidecar("resources: {claims: [{}]}"),
            path: "spec.sidecar.resources.claims[0].name",
            rule: .required
        ),
        Row(text: sidecar("resources: {limits: {cpu: 1}, requests: {cpu: 1}}"), path: nil, rule: nil),
        Row(text: sidecar("env: [{value: x}]"), path: "spec.sidecar.env[0].name", rule: .required),
        Row(text: sidecar("env: [{name: A, value: 1}]"), path: "spec.sidecar.env[0].value", rule: .type),
        Row(
            text: sidecar("env: [{name: A, valueFrom: {secretKeyRef: {name: s}}}]"),
            path: "spec.sidecar.env[0].valueFrom.secretKeyRef.key",
            rule: .required
        ),
        Row(
            text: sidecar("env: [{name: A, valueFrom: {configMapKeyRef: {name: s}}}]"),
            path: "spec.sidecar.env[0].valueFrom.configMapKeyRef.key",
            rule: .required
        ),
        Row(
            text: sidecar("env: [{name: A, valueFrom: {fieldRef: {}}}]"),
            path: "spec.sidecar.env[0].valueFrom.fieldRef.fieldPath",
            rule: .required
        ),
        Row(
            text: sidecar("env: [{name: A, valueFrom: {resourceFieldRef: {}}}]"),
            path: "spec.sidecar.env[0].valueFrom.resourceFieldRef.resource",
            rule: .required
        ),
        Row(
            text: manifest(env: "- {name: A, value: yes}"),
            path: "spec.workload.template.spec.containers[0].env[0].value",
            rule: .type
        ),
        Row(text: manifest(name: "happy-end"), path: nil, rule: nil),
        Row(text: manifest(name: "error-end"), path: nil, rule: nil),
        Row(text: manifest(name: "my-cool-actor"), path: nil, rule: nil),
        Row(text: manifest(name: "1-actor"), path: nil, rule: nil),
        Row(text: manifest(name: "my.actor"), path: nil, rule: nil),
        Row(text: manifest(name: "My-Actor"), path: "metadata.name", rule: .name),
        Row(text: manifest(name: "my_actor"), path: "metadata.name", rule: .name),
        Row(text: manifest(name: "my@actor"), path: "metadata.name", rule: .name),
        Row(text: manifest(name: "-a"), path: "metadata.name", rule: .name),
        Row(text: manifest(name: String(repeating: "a", count: 254)), path: "metadata.name", rule: .name),
    ]

    private static let header = "apiVersion: asya.sh/v1alpha1\nkind: AsyncActor\nmetadata: {name: a}\n"

    private static func scaling(_ text: String) -> String { manifest(spec: "scaling: {\(text)}") }
    private static func timeout(_ text: String) -> String { manifest(spec: "timeout: {\(text)}") }
    private static func sidecar(_ text: String) -> String { manifest(spec: "sidecar: {\(text)}") }

    @Test("the API server's answer is known before it is asked (crd.md sections 2 and 8)", arguments: rows)
    func apiServer(row: Row) {
        let errors = read(row.text).findings.filter { $0.severity == .error }
        guard let path = row.path else {
            #expect(errors == [])
            return
        }
        let finding = errors.first { "\($0.path)" == path && $0.rule == row.rule }
        #expect(finding != nil, "found: \(errors.map(\.description))")
        #expect(finding?.position != nil)
    }

    @Test(
        "fields that the API server drops are warned of, with the name that was probably meant",
        arguments: [
            ("scaling: {minReplica: 1}", "spec.scaling.minReplica", "did you mean \"minReplicas\"?"),
            ("socket: {path: x}", "spec.socket", "API server drops it"),
            ("scaling: {advanced: {triggers: []}}", "spec.scaling.advanced.triggers", "kubectl refuses it"),
            ("timeuot: {processing: 5}", "spec.timeuot", "did you mean \"timeout\"?"),
        ]
    )
    func unknownFields(spec: String, path: String, text: String) {
        let findings = read(manifest(spec: spec)).findings
        #expect(findings.map(\.rule) == [.unknownField])
        #expect(findings.first?.severity == .warning)
        #expect(findings.first.map { "\($0.path)" } == path)
        #expect(findings.first?.message.contains(text) == true)
        #expect(read(manifest(workload: "volumeClaimTemplates: []")).findings.map(\.rule) == [.unknownField])
    }

    @Test(
        "quantities are read as Kubernetes reads them",
        arguments: [
            ("1", 1), ("500m", 0.5), ("64Mi", 67_108_864), ("1.5Gi", 1_610_612_736), ("2k", 2000), ("1e3", 1000),
            ("1E3", 1000), ("5.", 5), (".5", 0.5), ("+1", 1), ("-1", -1), ("100n", 1e-7), ("1E", 1e18),
        ]
    )
    func quantities(text: String, amount: Double) throws {
        let quantity = try #require(ResourceQuantity(text))
        #expect(abs(quantity.amount - amount) <= amount.magnitude * 1e-12)
    }

    @Test(
        "anything else is no quantity",
        arguments: ["", "m", "1 Gi", "1GB", "1.2.3", "--1", "1e", "1ee3", ".", "0x5"]
    )
    func notQuantities(text: String) {
        #expect(ResourceQuantity(text) == nil)
    }

    @Test(
        "a mistyped name is found, another word is not",
        arguments: [
            ("minreplicas", "minReplicas"), ("procesing", "processing"), ("timeuot", "timeout"), ("evn", "env"),
            ("spec", nil), ("x", nil), ("completely-different", nil),
        ]
    )
    func spelling(name: String, nearest: String?) {
        let known = ["minReplicas", "maxReplicas", "processing", "timeout", "env"]
        #expect(SpellingCheck.nearest(to: name, among: known) == nearest)
    }
}
