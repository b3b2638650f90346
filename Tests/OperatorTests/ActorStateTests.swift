import Testing

@testable import Operator

@Suite("Actor state")
struct ActorStateTests {
    struct Numbers: Sendable, CustomTestStringConvertible {
        var ready: Int
        var total: Int
        var desired: Int
        var failing = 0
        var isScaled = false
        var minutesAgo: Int?
        var expected: ActorState

        var testDescription: String {
            "\(self.ready)/\(self.total)/\(self.desired)/\(self.failing) → \(self.expected.rawValue)"
        }
    }

    // operator.md 11, "Checked cases".
    @Test(
        "numbers of pods give the state of the table",
        arguments: [
            Numbers(ready: 3, total: 3, desired: 3, expected: .running),
            Numbers(ready: 3, total: 3, desired: 5, expected: .scalingUp),
            Numbers(ready: 3, total: 8, desired: 3, expected: .scalingDown),
            Numbers(ready: 0, total: 0, desired: 0, isScaled: true, expected: .napping),
            Numbers(ready: 0, total: 0, desired: 0, expected: .running),
            Numbers(ready: 3, total: 5, desired: 5, minutesAgo: 10, expected: .degraded),
            Numbers(ready: 3, total: 5, desired: 5, minutesAgo: 2, expected: .scalingUp),
            Numbers(ready: 0, total: 2, desired: 1, failing: 1, expected: .workloadError),
            Numbers(ready: 0, total: 2, desired: 5, failing: 2, expected: .workloadError),
            Numbers(ready: 2, total: 2, desired: 5, expected: .scalingUp),
            Numbers(ready: 3, total: 5, desired: 5, failing: 2, expected: .workloadError),
            Numbers(ready: 5, total: 7, desired: 5, failing: 2, expected: .scalingDown),
            Numbers(ready: 1, total: 2, desired: 0, isScaled: true, expected: .napping),
        ]
    )
    func numbers(row: Numbers) {
        var input = self.healthy
        input.ready = row.ready
        input.total = row.total
        input.desired = row.desired
        input.failing = row.failing
        input.isScalingEnabled = row.isScaled
        if row.isScaled { input.conditions[.scaling] = .scaledObjectCreated }
        input.sinceLastScale = row.minutesAgo.map { .seconds(60 * $0) }
        #expect(ActorState(input) == row.expected)
    }

    @Test(
        "a message about pods is classified, the first match wins",
        arguments: [
            (
                "Pod p unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                ActorState.pendingResources
            ),
            ("Container asya-runtime in ImagePullBackOff (pod: p)", .imagePullError),
            ("Container asya-sidecar in ErrImagePull (pod: p)", .imagePullError),
            ("Container asya-runtime in CrashLoopBackOff (pod: p)", .runtimeError),
            ("Container asya-sidecar in CrashLoopBackOff (pod: p)", .sidecarError),
            ("MountVolume.SetUp failed: configmap \"x\" not found", .volumeError),
            ("configmap \"x\" not found", .configError),
            ("secret \"x\" not found", .configError),
            ("secret \"x\" is strange", .workloadError),
            ("Pod p in Failed phase", .workloadError),
            ("", .workloadError),
        ]
    )
    func classified(message: String, expected: ActorState) {
        var input = self.healthy
        input.conditions[.workload] = .failed(.workload, "PodsNotHealthy", message)
        #expect(ActorState(input) == expected)
    }

    @Test("deletion, an unseen generation and failing conditions come before any number")
    func precedence() {
        var input = self.healthy
        input.conditions[.transport] = .failed(.transport, "QueueError", "down")
        #expect(ActorState(input) == .transportError)
        input.observedGeneration = 0
        #expect(ActorState(input) == .creating)
        input.isDeleting = true
        #expect(ActorState(input) == .terminating)
    }

    @Test("a mistake in the spec never looks like one of the transport")
    func validation() {
        var input = self.healthy
        input.conditions[.transport] = .failed(.transport, "InvalidTransport", "x")
        input.conditions[.workload] = .failed(.workload, "ValidationError", "x")
        #expect(ActorState(input) == .workloadError)
    }

    @Test("without any condition the transport is at fault, as in the original")
    func noConditions() {
        var input = self.healthy
        input.conditions = [:]
        #expect(ActorState(input) == .transportError)
        input.conditions = [.transport: .transportValidated]
        #expect(ActorState(input) == .workloadError)
    }

    @Test("no pods yet is Creating, or ScalingUp once a pod was ready")
    func pending() {
        var input = self.healthy
        input.conditions[.workload] = .podsPending
        #expect(ActorState(input) == .creating)
        input.wasEverReady = true
        #expect(ActorState(input) == .scalingUp)
    }

    @Test("scaling that is asked for and not ready is a ScalingError")
    func scaling() {
        var input = self.healthy
        input.isScalingEnabled = true
        #expect(ActorState(input) == .scalingError)
        input.conditions[.scaling] = .failed(.scaling, "ReconcileError", "KEDA CRDs not installed")
        #expect(ActorState(input) == .scalingError)
    }

    @Test("a rollout is Updating, after Napping and before the numbers")
    func updating() {
        var input = self.healthy
        input.isRollingOut = true
        input.total = 1
        input.desired = 3
        #expect(ActorState(input) == .updating)
        input.isScalingEnabled = true
        input.conditions[.scaling] = .scaledObjectCreated
        input.desired = 0
        #expect(ActorState(input) == .napping)
    }

    private var healthy: ActorState.Input {
        ActorState.Input(conditions: [.transport: .transportValidated, .workload: .workloadCreated])
    }
}
