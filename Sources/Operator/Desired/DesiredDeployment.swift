import ActorResource
import Support

/// The Deployment of an actor (operator.md 7): the user's pod template with the runtime's wiring and the sidecar.
struct DesiredDeployment {
    static let workloadLabel = "asya.sh/workload"
    static let workloadLabelValue = "deployment"
    /// What the original's documents promise (crd.md 1); never in the selector.
    static let actorNameLabel = "asya.sh/actor"
    static let runtimeHashAnnotation = "asya.sh/runtime-hash"
    static let nativeSidecarAnnotation = "asya.sh/native-sidecar"
    static let socketDirectory = "/var/run/asya"
    static let scriptPath = "/opt/asya/asya_runtime.py"
    static let defaultGracePeriod = 30

    private let input: DesiredInput
    private let template: JSONValue

    init(_ input: DesiredInput) {
        self.input = input
        self.template = input.actor.spec.workload.template
    }

    /// The object without `spec.replicas`, which has a field manager of its own (operator.md 19.6).
    var object: DesiredObject {
        var labels = self.template["metadata"]?["labels"]?.strings ?? [:]
        let selector = self.input.selector ?? self.newSelector(userLabels: labels)
        let actorName = self.input.actor.name
        for (name, value) in self.selectorLabels where labels[name] == nil { labels[name] = value }
        if labels[Self.actorNameLabel] == nil { labels[Self.actorNameLabel] = actorName }
        // Otherwise the API server refuses the template (operator.md 19.4).
        labels.merge(selector) { _, selected in selected }
        // Pods are found by this label.
        labels[OwnedObject.actorLabel] = actorName

        var annotations = self.template["metadata"]?["annotations"]?.strings ?? [:]
        if self.input.settings.rollsOutScript { annotations[Self.runtimeHashAnnotation] = self.input.scriptHash }
        var metadata: JSONValue = ["labels": .strings(labels)]
        if !annotations.isEmpty { metadata.set("annotations", .strings(annotations)) }
        var spec: JSONValue = [
            "selector": ["matchLabels": .strings(selector)],
            "template": ["metadata": metadata, "spec": QuantityText.normalized(self.podSpec)],
        ]
        for field in self.input.unknownFields { spec = UnknownField.removing(field, from: spec) }
        return DesiredObject(
            .deployment,
            name: actorName,
            owner: self.input.owner,
            annotations: [Self.runtimeHashAnnotation: self.input.scriptHash],
            members: ["spec": spec]
        )
    }

    private var selectorLabels: [String: String] {
        [
            "app": self.input.actor.name, OwnedObject.actorLabel: self.input.actor.name,
            Self.workloadLabel: Self.workloadLabelValue,
        ]
    }

    /// Without `app` when the user has one of their own: the original's template would not match it.
    private func newSelector(userLabels: [String: String]) -> [String: String] {
        var selector = self.selectorLabels
        if let own = userLabels["app"], own != selector["app"] { selector["app"] = nil }
        return selector
    }

    private var usesNativeSidecar: Bool {
        self.input.annotations[Self.nativeSidecarAnnotation].map { $0 == "true" }
            ?? self.input.settings.usesNativeSidecar
    }

    private var podSpec: JSONValue {
        var pod = self.template["spec"] ?? .object([:])
        var containers = self.input.actor.spec.workload.containers.map { container in
            container.name == AsyncActor.runtimeContainerName
                ? self.runtimeContainer(container.json) : Self.withoutRepeatedVariables(container.json)
        }
        if self.usesNativeSidecar {
            var sidecar = SidecarContainer.object(self.input)
            sidecar.set("restartPolicy", "Always")
            pod.set("initContainers", .array((pod["initContainers"]?.elements ?? []) + [sidecar]))
        } else {
            containers.append(SidecarContainer.object(self.input))
        }
        pod.set("containers", .array(containers))
        if let own = pod["initContainers"]?.elements {
            pod.set("initContainers", .array(own.map(Self.withoutRepeatedVariables)))
        }
        pod.set("volumes", .array((pod["volumes"]?.elements ?? []) + self.volumes))
        let grace = self.input.actor.spec.timeout.gracefulShutdown
        pod.set("terminationGracePeriodSeconds", .integer(grace > 0 ? grace : Self.defaultGracePeriod))
        if case .sqs(let settings) = self.input.transport.broker, !settings.actorRoleARN.isEmpty {
            pod.set("serviceAccountName", .string(DesiredServiceAccount.name(actor: self.input.actor.name)))
        }
        return pod
    }

    private var volumes: [JSONValue] {
        [
            ["name": "socket-dir", "emptyDir": [:]],
            ["name": "tmp", "emptyDir": [:]],
            [
                "name": .string(RuntimeConfigMap.name),
                "configMap": ["name": .string(RuntimeConfigMap.name), "defaultMode": 0o755],
            ],
        ]
    }

    private func runtimeContainer(_ json: JSONValue) -> JSONValue {
        var container = json
        let python = self.input.actor.spec.workload.pythonExecutable
        container.set("command", [.string(python.isEmpty ? "python3" : python), .string(Self.scriptPath)])
        var variables = container["env"]?.elements ?? []
        variables.append(SidecarEnvironment.literal("ASYA_SOCKET_DIR", Self.socketDirectory))
        if SidecarEnvironment.isEndActor(self.input.actor.name) {
            variables.append(SidecarEnvironment.literal("ASYA_ENABLE_VALIDATION", "false"))
        }
        container.set("env", .array(SidecarEnvironment.deduplicated(variables)))
        let own = container["volumeMounts"]?.elements ?? []
        let mounts =
            Self.commonMounts(besides: own) + [
                [
                    "name": .string(RuntimeConfigMap.name), "mountPath": .string(Self.scriptPath),
                    "subPath": .string(RuntimeConfigMap.dataKey), "readOnly": true,
                ]
            ]
        container.set("volumeMounts", .array(own + mounts))
        for probe in Self.probes where container[probe.name] == nil { container.set(probe.name, probe.json) }
        return container
    }

    /// The socket and `/tmp`; a mount of the user's own at `/tmp` is honoured (operator.md 7.1).
    static func commonMounts(besides own: [JSONValue] = []) -> [JSONValue] {
        let hasTemporary = own.contains { mount in
            mount["mountPath"]?.string == "/tmp" || mount["mountPath"]?.string == "/tmp/"
        }
        let socket: JSONValue = ["name": "socket-dir", "mountPath": .string(self.socketDirectory)]
        return hasTemporary ? [socket] : [socket, ["name": "tmp", "mountPath": "/tmp"]]
    }

    private static func withoutRepeatedVariables(_ container: JSONValue) -> JSONValue {
        guard let variables = container["env"]?.elements else { return container }
        var container = container
        container.set("env", .array(SidecarEnvironment.deduplicated(variables)))
        return container
    }

    private static let probes: [(name: String, json: JSONValue)] = [
        ("startupProbe", probe(initialDelay: 3, period: 2, timeout: 3, failureThreshold: 150)),
        ("livenessProbe", probe(initialDelay: 0, period: 30, timeout: 5, failureThreshold: 3)),
        ("readinessProbe", probe(initialDelay: 0, period: 10, timeout: 3, failureThreshold: 3)),
    ]

    private static func probe(initialDelay: Int, period: Int, timeout: Int, failureThreshold: Int) -> JSONValue {
        let test = "test -S /var/run/asya/asya-runtime.sock && test -f /var/run/asya/runtime-ready"
        var probe: JSONValue = [
            "exec": ["command": ["sh", "-c", .string(test)]],
            "periodSeconds": .integer(period), "timeoutSeconds": .integer(timeout),
            "failureThreshold": .integer(failureThreshold),
        ]
        if initialDelay > 0 { probe.set("initialDelaySeconds", .integer(initialDelay)) }
        return probe
    }
}
