/// The one word for an actor's state and the table that gives it (operator.md 11, crd.md 5). Pure.
enum ActorState: String, Sendable, CaseIterable {
    case running = "Running"
    case napping = "Napping"
    case degraded = "Degraded"
    case creating = "Creating"
    case scalingUp = "ScalingUp"
    case scalingDown = "ScalingDown"
    case updating = "Updating"
    case terminating = "Terminating"
    case transportError = "TransportError"
    case scalingError = "ScalingError"
    case workloadError = "WorkloadError"
    case pendingResources = "PendingResources"
    case imagePullError = "ImagePullError"
    case runtimeError = "RuntimeError"
    case sidecarError = "SidecarError"
    case volumeError = "VolumeError"
    case configError = "ConfigError"
    case unknown = "Unknown"

    /// What the table looks at.
    struct Input: Equatable, Sendable {
        var isDeleting = false
        var observedGeneration = 1
        var conditions: [Condition.Kind: Condition] = [:]
        var isScalingEnabled = false
        var ready = 0
        var total = 0
        var desired = 0
        var failing = 0
        /// Whether the Deployment controller is replacing pods.
        var isRollingOut = false
        /// Whether a pod was ever ready.
        var wasEverReady = false
        /// Since the number of ready pods changed; `nil` when it never did.
        var sinceLastScale: Duration?
    }

    /// A scale that takes longer than this is a problem.
    static let degradedAfter = Duration.seconds(300)

    init(_ input: Input) {
        self =
            Self.beforeReplicas(input)
            ?? Self.byReplicas(input)
    }

    /// Rows 1 to 5: deletion, and conditions that are not True.
    private static func beforeReplicas(_ input: Input) -> ActorState? {
        if input.isDeleting { return .terminating }
        if input.observedGeneration == 0 { return .creating }
        guard let workload = input.conditions[.workload] else {
            return input.conditions[.transport]?.isTrue == true ? .workloadError : .transportError
        }
        // A mistake in the spec is never the transport's fault (operator.md 11, NEW).
        if !workload.isTrue, workload.reason == "ValidationError" { return .workloadError }
        guard input.conditions[.transport]?.isTrue == true else { return .transportError }
        if !workload.isTrue { return self.classified(workload, wasEverReady: input.wasEverReady) }
        if input.isScalingEnabled, input.conditions[.scaling]?.isTrue != true { return .scalingError }
        return nil
    }

    /// Rows 6 to 13: numbers of pods.
    private static func byReplicas(_ input: Input) -> ActorState {
        if input.failing > 0, input.ready < input.desired { return .workloadError }
        if input.isScalingEnabled, input.desired == 0 { return .napping }
        if input.isRollingOut { return .updating }
        if input.desired > 0, input.total < input.desired { return .scalingUp }
        if input.total > input.desired { return .scalingDown }
        if input.total > 0, input.ready < input.total {
            return input.sinceLastScale.map { $0 > self.degradedAfter } == true ? .degraded : .scalingUp
        }
        if input.ready == input.desired, input.ready > 0 { return .running }
        if input.ready == 0, input.desired == 0, !input.isScalingEnabled { return .running }
        return .unknown
    }

    /// Row 4: what a message about pods says.
    private static func classified(_ workload: Condition, wasEverReady: Bool) -> ActorState {
        if workload.reason == Condition.podsPending.reason { return wasEverReady ? .scalingUp : .creating }
        guard workload.reason == "PodsNotHealthy", !workload.message.isEmpty else { return .workloadError }
        func says(_ text: String) -> Bool { workload.message.contains(text) }
        if says("Insufficient") { return .pendingResources }
        if says("ImagePullBackOff") || says("ErrImagePull") { return .imagePullError }
        if says("asya-runtime"), says("CrashLoopBackOff") { return .runtimeError }
        if says("asya-sidecar"), says("CrashLoopBackOff") { return .sidecarError }
        if says("MountVolume") || says("VolumeMount") { return .volumeError }
        if says("configmap") || says("secret"), says("not found") { return .configError }
        return .workloadError
    }
}
