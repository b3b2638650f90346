import Testing

@testable import ActorResource

@Suite struct ActorValidationTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var text: String
        var type: ActorValidation.TransportType?
        var rule: ActorRule
        var message: String
        var testDescription: String { self.message }
    }

    /// operator.md section 5 with its exact texts, then crd.md B3 and B4.
    static let rows: [Row] = [
        Row(
            text: manifest(env: "- {name: A}\n        - {name: asya-sidecar, image: i}"),
            rule: .reservedContainer,
            message: "container name 'asya-sidecar' is reserved for the injected sidecar and cannot be defined in the "
                + "AsyncActor spec"
        ),
        Row(
            text: manifest(pod: "initContainers: [{name: asya-sidecar, image: i}]"),
            rule: .reservedInitContainer,
            message: "init container name 'asya-sidecar' is reserved for operator use and cannot be defined in the "
                + "AsyncActor spec"
        ),
        Row(
            text: manifest(container: "image: i\n          command: [sh]"),
            rule: .runtimeCommand,
            message: "container 'asya-runtime' cannot override command (command is managed by operator)"
        ),
        Row(
            text: manifest(container: "image: i\n        - name: asya-runtime\n          image: i"),
            rule: .runtimeContainer,
            message: "workload must contain exactly one container named 'asya-runtime', but found 2"
        ),
        Row(
            text: "metadata: {name: a}\nspec: {workload: {template: {}}}",
            rule: .runtimeContainer,
            message: "workload must contain exactly one container named 'asya-runtime', but found 0"
        ),
        Row(
            text: manifest(spec: "timeout: {processing: -1}"),
            rule: .timeoutRange,
            message: "spec.timeout.processing must be at least 0, but is -1"
        ),
        Row(
            text: manifest(spec: "timeout: {gracefulShutdown: -10}"),
            rule: .timeoutRange,
            message: "spec.timeout.gracefulShutdown must be at least 0, but is -10"
        ),
        Row(
            text: manifest(workload: "replicas: -1"),
            rule: .replicaRange,
            message: "spec.workload.replicas must be at least 0, but is -1"
        ),
        Row(
            text: manifest(spec: "scaling: {pollingInterval: 0}"),
            rule: .scalingRange,
            message: "spec.scaling.pollingInterval must be at least 1, but is 0"
        ),
        Row(
            text: manifest(spec: "scaling: {cooldownPeriod: -1}"),
            rule: .scalingRange,
            message: "spec.scaling.cooldownPeriod must be at least 0, but is -1"
        ),
        Row(
            text: manifest(spec: "scaling: {queueLength: 0}"),
            rule: .scalingRange,
            message: "spec.scaling.queueLength must be at least 1, but is 0"
        ),
        Row(
            text: manifest(spec: "scaling: {minReplicas: -1}"),
            rule: .replicaRange,
            message: "spec.scaling.minReplicas must be at least 0, but is -1"
        ),
        Row(
            text: manifest(spec: "scaling: {minReplicas: 0, maxReplicas: 0}"),
            rule: .replicaRange,
            message: "spec.scaling.maxReplicas must be at least 1, but is 0"
        ),
        Row(
            text: manifest(spec: "scaling: {minReplicas: 5, maxReplicas: 4}"),
            rule: .replicaRange,
            message: "spec.scaling.minReplicas (5) must not be greater than spec.scaling.maxReplicas (4)"
        ),
        Row(
            text: manifest(spec: "scaling: {advanced: {formula: queueLength}}"),
            rule: .formulaTarget,
            message: "spec.scaling.advanced.formula needs spec.scaling.advanced.target"
        ),
        Row(
            text: manifest(pod: "volumes: [{name: data}, {name: socket-dir}]"),
            rule: .reservedVolume,
            message: "volume name 'socket-dir' is reserved for the operator"
        ),
        Row(
            text: manifest(pod: "volumes: [{name: tmp}]"),
            rule: .reservedVolume,
            message: "volume name 'tmp' is reserved for the operator"
        ),
        Row(
            text: manifest(pod: "volumes: [{name: asya-runtime}]"),
            rule: .reservedVolume,
            message: "volume name 'asya-runtime' is reserved for the operator"
        ),
        Row(
            text: manifest(container: "image: i\n          volumeMounts: [{name: v, mountPath: /var/run/asya/}]"),
            rule: .reservedMount,
            message: "container 'asya-runtime' cannot mount anything at '/var/run/asya' (the path is used by the "
                + "operator)"
        ),
        Row(
            text: manifest(
                pod: "initContainers:\n        - {name: x, image: i, "
                    + "volumeMounts: [{name: v, mountPath: /opt/asya/asya_runtime.py}]}"
            ),
            rule: .reservedMount,
            message: "container 'x' cannot mount anything at '/opt/asya/asya_runtime.py' (the path is used by the "
                + "operator)"
        ),
        Row(
            text: manifest(pod: "initContainers: [{name: x, image: i}, {name: x, image: i}]"),
            rule: .duplicateContainer,
            message: "container name 'x' is used more than once"
        ),
        Row(
            text: manifest(pod: "initContainers: [{image: i}]"),
            rule: .containerName,
            message: "spec.workload.template.spec.initContainers[0] has no name"
        ),
        Row(
            text: manifest(container: "args: []"),
            rule: .containerImage,
            message: "container 'asya-runtime' has no image"
        ),
        Row(
            text: manifest(env: "- {name: ASYA_SOCKET_DIR, value: /x}"),
            rule: .socketDirectory,
            message: "container 'asya-runtime' cannot set ASYA_SOCKET_DIR (it is managed by operator)"
        ),
        Row(
            text: manifest(pod: "future: \(nested(23))"),
            rule: .nesting,
            message: "spec.workload.template must not be nested more than 24 levels deep"
        ),
        Row(
            text: manifest(name: String(repeating: "a", count: 64)),
            rule: .nameLength,
            message: "actor name must not be longer than 63 characters, but has 64"
        ),
        Row(
            text: manifest(name: "my.actor"),
            type: .sqs,
            rule: .queueName,
            message: "actor name 'my.actor' cannot name an SQS queue (only letters, digits, '-' and '_')"
        ),
    ]

    /// As many lists in one another.
    private static func nested(_ levels: Int) -> String {
        String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }

    private func actor(_ text: String) -> AsyncActor {
        let (documents, fault) = YAMLReader.read(text, file: "f")
        #expect(fault == nil)
        return ActorDecoder.actor(documents.first ?? SourceNode(.null), defaults: .schema)
    }

    @Test("each rule of the operator has its text (operator.md section 5, crd.md B3 and B4)", arguments: rows)
    func rules(row: Row) {
        let failure = ActorValidation.firstFailure(of: self.actor(row.text), transportType: row.type)
        #expect(failure?.rule == row.rule)
        #expect(failure?.message == row.message)
        #expect(failure?.severity == .error)
    }

    @Test("the rows and the rules of the operator are the same set")
    func complete() {
        let advice: Set<ActorRule> = [
            .syntax, .limit, .duplicateKey, .unknownDocument, .required, .type, .enumeration, .minimum, .format, .name,
            .unknownField, .workloadKind, .handler, .handlerName, .resources, .gracefulShutdown, .duplicateActor,
        ]
        #expect(Set(Self.rows.map(\.rule)) == Set(ActorRule.allCases).subtracting(advice))
    }

    @Test(
        "what is allowed stays allowed (operator.md section 5, crd.md B4)",
        arguments: [
            manifest(), manifest(container: "image: i\n          command: []"),
            manifest(container: "image: i\n          args: [x]"),
            manifest(env: "- {name: ASYA_ENABLE_VALIDATION, value: 'false'}"),
            manifest(container: "image: i\n          volumeMounts: [{name: v, mountPath: /tmp}]"),
            manifest(pod: "initContainers: [{name: x, image: i, command: [sh]}]"),
            manifest(name: String(repeating: "a", count: 63)), manifest(name: "my.actor"),
            manifest(pod: "future: \(nested(22))"), manifest(spec: "scaling: {minReplicas: 4, maxReplicas: 4}"),
            manifest(spec: "scaling: {advanced: {formula: q, target: '1'}}"), Samples.gpu, Samples.enricher,
        ]
    )
    func allowed(text: String) {
        #expect(ActorValidation.firstFailure(of: self.actor(text), transportType: .rabbitmq) == nil)
    }

    @Test("the first failure follows the operator's order, all are found at once")
    func order() {
        let text = manifest(
            name: "my.actor",
            spec: "timeout: {processing: -1}",
            container: "command: [x]",
            env: "- {name: ASYA_SOCKET_DIR}\n        - {name: asya-sidecar}",
            pod: "volumes: [{name: tmp}]\n        initContainers: [{name: asya-sidecar, image: i}]"
        )
        let rules = ActorValidation.findings(of: self.actor(text), transportType: .sqs).map(\.rule)
        #expect(
            rules == [
                .reservedContainer, .reservedInitContainer, .runtimeCommand, .timeoutRange, .reservedVolume,
                .containerImage, .containerImage, .duplicateContainer, .socketDirectory, .queueName,
            ]
        )
    }

    @Test(
        "advice that only asya validate gives",
        arguments: [
            (manifest(workload: "kind: StatefulSet"), ActorRule.workloadKind, Finding.Severity.error),
            (manifest(env: "- {name: A}"), .handler, .warning),
            (manifest(env: "- {name: ASYA_HANDLER, value: ''}"), .handlerName, .warning),
            (manifest(env: "- {name: ASYA_HANDLER, value: steps/double.py}"), .handlerName, .warning),
            (manifest(env: "- {name: ASYA_HANDLER, value: h.2f}"), .handlerName, .warning),
            (
                manifest(spec: "sidecar: {resources: {limits: {cpu: 1m}, requests: {cpu: 2m}}}"), .resources, .warning
            ),
            (
                manifest(container: "image: i\n          resources: {limits: {memory: 1Ki}, requests: {memory: 1Mi}}"),
                .resources, .warning
            ),
            (manifest(spec: "timeout: {processing: 60, gracefulShutdown: 59}"), .gracefulShutdown, .warning),
            (manifest(name: "my.actor"), .queueName, .warning),
        ]
    )
    func advice(text: String, rule: ActorRule, severity: Finding.Severity) {
        let findings = read(text).findings
        #expect(findings.map(\.rule) == [rule])
        #expect(findings.first?.severity == severity)
        #expect(findings.first?.position != nil)
    }

    @Test(
        "a handler is two or more identifiers, or comes from elsewhere",
        arguments: ["value: h.f", "value: a.b_2.C.run", "value: $(NAME).f", "valueFrom: {configMapKeyRef: {name: c}}"]
    )
    func handlers(source: String) {
        let text = manifest(env: "- {name: ASYA_HANDLER, \(source)}")
        #expect(!read(text).findings.contains { $0.rule == .handler || $0.rule == .handlerName })
    }

    @Test("locally neither image nor length of the name matters, but the handler does")
    func localProfile() {
        #expect(read(manifest(container: "args: []"), profile: .local).findings == [])
        #expect(read(manifest(name: String(repeating: "a", count: 64)), profile: .local).findings == [])
        #expect(read(manifest(env: "- {name: A}"), profile: .local).findings.map(\.severity) == [.error])
    }
}
