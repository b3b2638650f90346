import ActorResource
import Support

/// What a pod's status means for its actor (operator.md 10). Pure; made once when the pod changes, so that the cache
/// keeps a few words instead of a pod.
struct PodAssessment: Equatable, Sendable {
    /// How the pod counts.
    enum State: Equatable, Sendable {
        /// On its way out: not counted.
        case terminating
        case ready
        case pending
        case failing
        /// Ended well, or in a phase we know nothing about.
        case other
    }

    static let failingReasons: Set<String> = [
        "CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerError", "CreateContainerConfigError",
        "InvalidImageName", "RunContainerError",
    ]
    static let restartLimit = 5
    /// A waiting container's own words may be long; a condition has to be readable.
    static let detailCharacterLimit = 256

    var state: State
    /// Why the pod is not healthy; `nil` when it is. Starting is healthy.
    var problem: String?

    init(_ pod: JSONValue) {
        let status = pod["status"]
        let name = pod["metadata"]?["name"]?.string ?? ""
        guard pod["metadata"]?["deletionTimestamp"] == nil else {
            self.state = .terminating
            return
        }
        let containers = ContainerStatus.list(status?["containerStatuses"])
        let initContainers = ContainerStatus.list(status?["initContainerStatuses"])
        let conditions = PodConditions(status)
        let isFailing =
            (containers + initContainers).contains { Self.failingReasons.contains($0.waitingReason) }
            || conditions.isFailing
        switch status?["phase"]?.string {
        case "Running" where conditions.isReady: self.state = .ready
        case "Running", "Pending": self.state = isFailing ? .failing : .pending
        case "Failed": self.state = .failing
        default: self.state = .other
        }
        self.problem = Self.problem(
            name: name,
            phase: status?["phase"]?.string,
            containers: containers,
            initContainers: initContainers,
            conditions: conditions
        )
    }

    private static func problem(
        name: String,
        phase: String?,
        containers: [ContainerStatus],
        initContainers: [ContainerStatus],
        conditions: PodConditions
    ) -> String? {
        if phase == "Failed" { return "Pod \(name) in Failed phase" }
        for container in initContainers {
            if let text = self.problem("Init container", container, pod: name) { return text }
        }
        let ours: Set<String> = [AsyncActor.runtimeContainerName, AsyncActor.sidecarContainerName]
        for container in containers where ours.contains(container.name) {
            if let text = self.problem("Container", container, pod: name) { return text }
        }
        return conditions.problem(pod: name)
    }

    private static func problem(_ title: String, _ container: ContainerStatus, pod: String) -> String? {
        let isFailing = self.failingReasons.contains(container.waitingReason)
        if container.restartCount > self.restartLimit {
            // The reason says more than the number, and the state is classified by it (operator.md OB3).
            let reason = isFailing ? ": \(container.waitingReason)" : ""
            return "\(title) \(container.name) has \(container.restartCount) restarts (pod: \(pod))\(reason)"
        }
        guard isFailing else { return nil }
        let detail = container.waitingMessage.prefix(self.detailCharacterLimit)
        let suffix = detail.isEmpty ? "" : ": \(detail)"
        return "\(title) \(container.name) in \(container.waitingReason) (pod: \(pod))\(suffix)"
    }
}

/// The part of a container's status that is looked at.
struct ContainerStatus: Equatable {
    var name: String
    var restartCount: Int
    /// `state.waiting.reason`; empty when it is not waiting.
    var waitingReason: String
    var waitingMessage: String

    static func list(_ value: JSONValue?) -> [ContainerStatus] {
        (value?.elements ?? []).map { status in
            let waiting = status["state"]?["waiting"]
            return ContainerStatus(
                name: status["name"]?.string ?? "",
                restartCount: status["restartCount"]?.integer ?? 0,
                waitingReason: waiting?["reason"]?.string ?? "",
                waitingMessage: waiting?["message"]?.string ?? ""
            )
        }
    }
}

/// The pod's conditions that are looked at.
struct PodConditions: Equatable {
    var isReady = false
    /// The scheduler's words, when it found no node.
    var unschedulable: String?
    /// Why containers are not ready: a volume, or a ConfigMap or Secret that is missing.
    var missing: String?
    var cannotStart = false

    init(_ status: JSONValue?) {
        for condition in status?["conditions"]?.elements ?? [] {
            let isTrue = condition["status"]?.string == "True"
            let isFalse = condition["status"]?.string == "False"
            let message = condition["message"]?.string ?? ""
            switch condition["type"]?.string {
            case "Ready": self.isReady = isTrue
            case "PodScheduled" where isFalse && condition["reason"]?.string == "Unschedulable":
                self.unschedulable = message
            case "ContainersReady" where isFalse && Self.isMissing(message): self.missing = message
            case "PodReadyToStartContainers" where isFalse: self.cannotStart = true
            default: break
            }
        }
    }

    var isFailing: Bool { self.unschedulable != nil || self.missing != nil || self.cannotStart }

    func problem(pod: String) -> String? {
        let limit = PodAssessment.detailCharacterLimit
        if let text = self.unschedulable { return "Pod \(pod) unschedulable: \(text.prefix(limit))" }
        if let text = self.missing { return "\(text.prefix(limit)) (pod: \(pod))" }
        return nil
    }

    private static func isMissing(_ message: String) -> Bool {
        message.contains("MountVolume.SetUp failed")
            || ((message.contains("configmap") || message.contains("secret")) && message.contains("not found"))
    }
}
