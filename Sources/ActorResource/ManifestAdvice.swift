import Support

/// What only a reader of manifests says: rules about the name that the API server has, and advice about settings that
/// are accepted but will disappoint.
enum ManifestAdvice {
    /// Longest object name in Kubernetes.
    private static let objectNameLimit = 253

    static func findings(of actor: AsyncActor, profile: ActorManifest.Profile) -> [Finding] {
        self.nameFindings(actor) + self.workloadFindings(actor, profile) + self.handlerFindings(actor, profile)
            + self.resourceFindings(actor)
    }

    private static func nameFindings(_ actor: AsyncActor) -> [Finding] {
        let name = actor.name
        if name.isEmpty { return [] }
        guard self.isSubdomain(name) else {
            let message =
                "\"\(name)\" is no name for Kubernetes: lower-case letters, digits, '-' and '.', beginning "
                + "and ending with a letter or digit, at most \(self.objectNameLimit) characters"
            return [Finding(.name, at: "metadata.name", message)]
        }
        if actor.spec.transport != "sqs", !ActorValidation.canNameSQSQueue(name) {
            let message =
                "the name cannot name an SQS queue (only letters, digits, '-' and '_'): the actor could not "
                + "move to SQS"
            return [Finding(.queueName, at: "metadata.name", message, severity: .warning)]
        }
        return []
    }

    private static func workloadFindings(_ actor: AsyncActor, _ profile: ActorManifest.Profile) -> [Finding] {
        var findings: [Finding] = []
        if actor.spec.workload.kind == "StatefulSet" {
            let message = "StatefulSet support not yet implemented"
            findings.append(Finding(.workloadKind, at: "spec.workload.kind", message))
        }
        let timeout = actor.spec.timeout
        if profile == .kubernetes, timeout.gracefulShutdown < timeout.processing, !self.isDefault(timeout) {
            let message =
                "\(timeout.gracefulShutdown) s to stop are less than \(timeout.processing) s to process: a "
                + "pod that is stopped may lose its work, and the message is processed again"
            findings.append(
                Finding(.gracefulShutdown, at: "spec.timeout.gracefulShutdown", message, severity: .warning)
            )
        }
        return findings
    }

    /// The runtime ends at once without a handler, and with one that it cannot look for (runtime.md section 3).
    private static func handlerFindings(_ actor: AsyncActor, _ profile: ActorManifest.Profile) -> [Finding] {
        guard let runtime = actor.runtimeContainer else { return [] }
        let severity: Finding.Severity = profile == .local ? .error : .warning
        let index = actor.spec.workload.containers.firstIndex { $0.name == AsyncActor.runtimeContainerName } ?? 0
        let path = FieldPath("spec.workload.template.spec.containers").element(index).member("env")
        guard let entry = runtime.env.lastIndex(where: { $0.name == "ASYA_HANDLER" }) else {
            guard runtime.json.members?["envFrom"] == nil else { return [] }
            let message =
                "ASYA_HANDLER is not set: the runtime does not know what to call; set it to "
                + "module.function or module.Class.method"
            return [Finding(.handler, at: path, message, severity: severity)]
        }
        // What comes from elsewhere, also in parts, is not known here.
        guard let text = runtime.env[entry].value, !text.contains("$("), !self.isHandler(text) else { return [] }
        let message =
            "\"\(text)\" is no handler: write module.function or module.Class.method, in letters, digits and '_'"
        return [Finding(.handlerName, at: path.element(entry).member("value"), message, severity: severity)]
    }

    /// Two or more Python identifiers with dots between them.
    private static func isHandler(_ text: String) -> Bool {
        let names = text.split(separator: ".", omittingEmptySubsequences: false)
        return names.count > 1
            && names.allSatisfy { name in
                guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
                return name.utf8.allSatisfy { byte in
                    self.isAlphanumeric(byte) || (0x41...0x5A).contains(byte) || byte == UInt8(ascii: "_")
                }
            }
    }

    /// The defaults have this fault themselves; nobody wants to read about it for every actor.
    private static func isDefault(_ timeout: AsyncActor.Timeout) -> Bool { timeout == AsyncActor.Timeout() }

    private static func resourceFindings(_ actor: AsyncActor) -> [Finding] {
        let sidecar = PodContainer(.object(["resources": actor.spec.sidecar.resources ?? .null]))
        var findings = self.resourceFindings(sidecar, "spec.sidecar.resources")
        for (index, container) in actor.spec.workload.containers.enumerated() {
            let path = FieldPath("spec.workload.template.spec.containers").element(index).member("resources")
            findings += self.resourceFindings(container, path)
        }
        return findings
    }

    private static func resourceFindings(_ container: PodContainer, _ path: FieldPath) -> [Finding] {
        container.requests.sorted { $0.key < $1.key }.compactMap { name, request in
            guard let limit = container.limits[name], let most = ResourceQuantity(limit),
                let least = ResourceQuantity(request), least > most
            else { return nil }
            let message = "the limit \(limit) is below the request \(request): Kubernetes refuses the Deployment"
            return Finding(.resources, at: path.member("limits").member(name), message, severity: .warning)
        }
    }

    /// RFC 1123 subdomain, as the API server checks object names.
    static func isSubdomain(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= self.objectNameLimit else { return false }
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last else { return false }
            return self.isAlphanumeric(first) && self.isAlphanumeric(last)
                && label.utf8.allSatisfy { self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
