import Support

/// The operator's checks of an actor (operator.md section 5, then crd.md B3 and B4), as a pure function of the typed
/// object. `findings` has all of them in the operator's order; the operator reports the first.
public enum ActorValidation {
    /// The queue system behind `spec.transport`, which limits the names of queues.
    public enum TransportType: String, Sendable, CaseIterable {
        /// Any name.
        case rabbitmq
        /// Letters, digits, `-` and `_`.
        case sqs
        /// Any name.
        case embedded
    }

    /// Longest label value in Kubernetes; the actor's name becomes one.
    public static let nameLengthLimit = 63
    /// Names of the volumes the operator adds.
    public static let reservedVolumeNames: Set<String> = ["socket-dir", "tmp", "asya-runtime"]
    /// How deep a pod template may be nested: Kubernetes' own types need 13 levels, and what the operator reads of an
    /// object goes a few levels further than this (`JSONValue.depthLimit`), with the object's own levels above.
    public static let templateDepthLimit = 24
    /// Where the operator mounts its volumes. A mount of the user's own at `/tmp` is honoured.
    public static let reservedMountPaths: Set<String> = ["/var/run/asya", "/opt/asya/asya_runtime.py"]

    /// The message the operator puts into `WorkloadReady=False/ValidationError`; nil when the actor is valid.
    public static func firstFailure(of actor: AsyncActor, transportType: TransportType?) -> Finding? {
        self.findings(of: actor, transportType: transportType).first
    }

    /// Everything the operator refuses, in its order. Findings carry no position.
    public static func findings(of actor: AsyncActor, transportType: TransportType?) -> [Finding] {
        let workload = actor.spec.workload
        return self.injectionFindings(workload) + self.rangeFindings(actor.spec) + self.volumeFindings(workload)
            + self.containerFindings(workload) + self.nestingFindings(workload)
            + self.nameFindings(actor.name, transportType)
    }

    private static let podSpec: FieldPath = "spec.workload.template.spec"
    private static let containers = podSpec.member("containers")
    private static let initContainers = podSpec.member("initContainers")

    // operator.md section 5: the texts are part of the contract.
    private static func injectionFindings(_ workload: AsyncActor.Workload) -> [Finding] {
        let sidecar = AsyncActor.sidecarContainerName
        let runtime = AsyncActor.runtimeContainerName
        var findings: [Finding] = []
        for (index, container) in workload.containers.enumerated() where container.name == sidecar {
            let message =
                "container name '\(sidecar)' is reserved for the injected sidecar and cannot be defined in "
                + "the AsyncActor spec"
            let path = self.containers.element(index).member("name")
            findings.append(Finding(.reservedContainer, at: path, message))
        }
        for (index, container) in workload.initContainers.enumerated() where container.name == sidecar {
            let message =
                "init container name '\(sidecar)' is reserved for operator use and cannot be defined in the "
                + "AsyncActor spec"
            let path = self.initContainers.element(index).member("name")
            findings.append(Finding(.reservedInitContainer, at: path, message))
        }
        for (index, container) in workload.containers.enumerated()
        where container.name == runtime && !container.command.isEmpty {
            let message = "container '\(runtime)' cannot override command (command is managed by operator)"
            let path = self.containers.element(index).member("command")
            findings.append(Finding(.runtimeCommand, at: path, message))
        }
        let count = workload.containers.filter { $0.name == runtime }.count
        if count != 1 {
            let message = "workload must contain exactly one container named '\(runtime)', but found \(count)"
            findings.append(Finding(.runtimeContainer, at: self.containers, message))
        }
        return findings
    }

    // crd.md B3: the schema refuses these too, but objects may be older than the schema.
    private static func rangeFindings(_ spec: AsyncActor.Spec) -> [Finding] {
        var findings: [Finding] = []
        func require(_ value: Int, atLeast minimum: Int, _ rule: ActorRule, _ path: FieldPath) {
            guard value < minimum else { return }
            findings.append(Finding(rule, at: path, "\(path) must be at least \(minimum), but is \(value)"))
        }
        let scaling = spec.scaling
        require(spec.timeout.processing, atLeast: 0, .timeoutRange, "spec.timeout.processing")
        require(spec.timeout.gracefulShutdown, atLeast: 0, .timeoutRange, "spec.timeout.gracefulShutdown")
        require(spec.workload.replicas, atLeast: 0, .replicaRange, "spec.workload.replicas")
        require(scaling.minReplicas, atLeast: 0, .replicaRange, "spec.scaling.minReplicas")
        require(scaling.maxReplicas, atLeast: 1, .replicaRange, "spec.scaling.maxReplicas")
        require(scaling.pollingInterval, atLeast: 1, .scalingRange, "spec.scaling.pollingInterval")
        require(scaling.cooldownPeriod ?? 0, atLeast: 0, .scalingRange, "spec.scaling.cooldownPeriod")
        require(scaling.queueLength, atLeast: 1, .scalingRange, "spec.scaling.queueLength")
        if scaling.minReplicas > scaling.maxReplicas {
            let message =
                "spec.scaling.minReplicas (\(scaling.minReplicas)) must not be greater than "
                + "spec.scaling.maxReplicas (\(scaling.maxReplicas))"
            findings.append(Finding(.replicaRange, at: "spec.scaling.minReplicas", message))
        }
        if let advanced = scaling.advanced, advanced.formula?.isEmpty == false, advanced.target?.isEmpty ?? true {
            let message = "spec.scaling.advanced.formula needs spec.scaling.advanced.target"
            findings.append(Finding(.formulaTarget, at: "spec.scaling.advanced.formula", message))
        }
        return findings
    }

    // crd.md B4.
    private static func volumeFindings(_ workload: AsyncActor.Workload) -> [Finding] {
        var findings: [Finding] = []
        for (index, name) in workload.volumeNames.enumerated() where self.reservedVolumeNames.contains(name) {
            let path = self.podSpec.member("volumes").element(index).member("name")
            findings.append(Finding(.reservedVolume, at: path, "volume name '\(name)' is reserved for the operator"))
        }
        for (path, container) in self.allContainers(workload) {
            for (index, mountPath) in container.mountPaths.enumerated() {
                let normal = Self.withoutTrailingSlashes(mountPath)
                guard self.reservedMountPaths.contains(normal) else { continue }
                let message =
                    "container '\(container.name)' cannot mount anything at '\(normal)' (the path is used by "
                    + "the operator)"
                let field = path.member("volumeMounts").element(index).member("mountPath")
                findings.append(Finding(.reservedMount, at: field, message))
            }
        }
        return findings
    }

    private static func containerFindings(_ workload: AsyncActor.Workload) -> [Finding] {
        var findings: [Finding] = []
        var names: Set<String> = []
        for (path, container) in self.allContainers(workload) {
            if container.name.isEmpty {
                findings.append(Finding(.containerName, at: path, "\(path) has no name"))
            } else if !names.insert(container.name).inserted, container.name != AsyncActor.runtimeContainerName {
                // A second asya-runtime has been reported with the exact text already.
                let message = "container name '\(container.name)' is used more than once"
                findings.append(Finding(.duplicateContainer, at: path.member("name"), message))
            }
            if container.image.isEmpty {
                let label = container.name.isEmpty ? "\(path)" : "container '\(container.name)'"
                findings.append(Finding(.containerImage, at: path, "\(label) has no image"))
            }
        }
        for (index, container) in workload.containers.enumerated()
        where container.name == AsyncActor.runtimeContainerName {
            for (entry, variable) in container.env.enumerated() where variable.name == "ASYA_SOCKET_DIR" {
                let message = "container '\(container.name)' cannot set ASYA_SOCKET_DIR (it is managed by operator)"
                let path = self.containers.element(index).member("env").element(entry)
                findings.append(Finding(.socketDirectory, at: path, message))
            }
        }
        return findings
    }

    /// What is nested deeper than we read would be missing in the Deployment.
    private static func nestingFindings(_ workload: AsyncActor.Workload) -> [Finding] {
        guard workload.template.depth > self.templateDepthLimit else { return [] }
        let path: FieldPath = "spec.workload.template"
        let message = "\(path) must not be nested more than \(self.templateDepthLimit) levels deep"
        return [Finding(.nesting, at: path, message)]
    }

    private static func nameFindings(_ name: String, _ transportType: TransportType?) -> [Finding] {
        var findings: [Finding] = []
        let count = name.utf8.count
        if count > self.nameLengthLimit {
            let message = "actor name must not be longer than \(self.nameLengthLimit) characters, but has \(count)"
            findings.append(Finding(.nameLength, at: "metadata.name", message))
        }
        if transportType == .sqs, !self.canNameSQSQueue(name) {
            let message = "actor name '\(name)' cannot name an SQS queue (only letters, digits, '-' and '_')"
            findings.append(Finding(.queueName, at: "metadata.name", message))
        }
        return findings
    }

    /// Whether SQS takes `asya-` and `name` as a queue's name.
    public static func canNameSQSQueue(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }

    private static func allContainers(_ workload: AsyncActor.Workload) -> [(path: FieldPath, container: PodContainer)] {
        workload.containers.enumerated().map { (self.containers.element($0.offset), $0.element) }
            + workload.initContainers.enumerated().map { (self.initContainers.element($0.offset), $0.element) }
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var text = path[...]
        while text.utf8.count > 1, text.utf8.last == UInt8(ascii: "/") { text = text.dropLast() }
        return String(text)
    }
}
