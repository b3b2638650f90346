import Support
import Testing

@testable import Operator

@Suite("Pod assessment")
struct PodAssessmentTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var status: JSONValue
        var state: PodAssessment.State
        var problem: String?
    }

    private static func waiting(_ container: String, _ reason: String, restarts: Int = 0, message: String = "")
        -> JSONValue
    {
        [
            "name": .string(container), "restartCount": .integer(restarts),
            "state": ["waiting": ["reason": .string(reason), "message": .string(message)]],
        ]
    }

    private static func condition(_ type: String, _ status: String, reason: String = "", message: String = "")
        -> JSONValue
    {
        ["type": .string(type), "status": .string(status), "reason": .string(reason), "message": .string(message)]
    }

    static let rows: [Row] = [
        Row(
            testDescription: "running and ready is ready",
            status: ["phase": "Running", "conditions": [condition("Ready", "True")]],
            state: .ready
        ),
        Row(testDescription: "starting is pending and healthy", status: ["phase": "Pending"], state: .pending),
        Row(testDescription: "running and not ready is pending", status: ["phase": "Running"], state: .pending),
        Row(
            testDescription: "a failed pod fails",
            status: ["phase": "Failed"],
            state: .failing,
            problem: "Pod p in Failed phase"
        ),
        Row(testDescription: "a pod that ended well counts as nothing", status: ["phase": "Succeeded"], state: .other),
        Row(
            testDescription: "an image that cannot be pulled",
            status: ["phase": "Pending", "containerStatuses": [waiting("asya-runtime", "ImagePullBackOff")]],
            state: .failing,
            problem: "Container asya-runtime in ImagePullBackOff (pod: p)"
        ),
        Row(
            testDescription: "the container's own words are added",
            status: [
                "phase": "Pending",
                "containerStatuses": [waiting("asya-sidecar", "CreateContainerError", message: "no such file")],
            ],
            state: .failing,
            problem: "Container asya-sidecar in CreateContainerError (pod: p): no such file"
        ),
        Row(
            testDescription: "another container's trouble counts and is not described",
            status: ["phase": "Pending", "containerStatuses": [waiting("cache", "CrashLoopBackOff")]],
            state: .failing
        ),
        Row(
            testDescription: "an init container",
            status: ["phase": "Pending", "initContainerStatuses": [waiting("setup", "CrashLoopBackOff", restarts: 2)]],
            state: .failing,
            problem: "Init container setup in CrashLoopBackOff (pod: p)"
        ),
        Row(
            testDescription: "many restarts, with the reason that decides the state",
            status: [
                "phase": "Running", "containerStatuses": [waiting("asya-runtime", "CrashLoopBackOff", restarts: 6)],
            ],
            state: .failing,
            problem: "Container asya-runtime has 6 restarts (pod: p): CrashLoopBackOff"
        ),
        Row(
            testDescription: "no node has room",
            status: [
                "phase": "Pending",
                "conditions": [
                    condition("PodScheduled", "False", reason: "Unschedulable", message: "0/3 nodes: Insufficient cpu")
                ],
            ],
            state: .failing,
            problem: "Pod p unschedulable: 0/3 nodes: Insufficient cpu"
        ),
        Row(
            testDescription: "a volume that cannot be mounted",
            status: [
                "phase": "Pending",
                "conditions": [
                    condition("ContainersReady", "False", message: "MountVolume.SetUp failed for volume \"v\"")
                ],
            ],
            state: .failing,
            problem: "MountVolume.SetUp failed for volume \"v\" (pod: p)"
        ),
        Row(
            testDescription: "a missing ConfigMap",
            status: [
                "phase": "Pending",
                "conditions": [condition("ContainersReady", "False", message: "configmap \"c\" not found")],
            ],
            state: .failing,
            problem: "configmap \"c\" not found (pod: p)"
        ),
        Row(
            testDescription: "a sandbox that does not start",
            status: ["phase": "Pending", "conditions": [condition("PodReadyToStartContainers", "False")]],
            state: .failing
        ),
    ]

    @Test("a pod's status is understood", arguments: rows)
    func assessed(row: Row) {
        let assessment = PodAssessment(["metadata": ["name": "p"], "status": row.status])
        #expect(assessment.state == row.state)
        #expect(assessment.problem == row.problem)
    }

    @Test("a pod on its way out is not counted")
    func terminating() {
        let pod: JSONValue = [
            "metadata": ["name": "p", "deletionTimestamp": "2026-01-02T03:04:05Z"], "status": ["phase": "Failed"],
        ]
        let assessment = PodAssessment(pod)
        #expect(assessment.state == .terminating)
        let summary = PodSummary([assessment])
        #expect(summary.total == 0)
        #expect(summary.health(desiredReplicas: 0) == .healthy)
    }

    @Test("no pods are healthy when none are wanted, and pending when some are")
    func noPods() {
        #expect(PodSummary([]).health(desiredReplicas: 0) == .healthy)
        #expect(PodSummary([]).health(desiredReplicas: 1) == .pending)
    }

    @Test("pods are counted, and the first problem is told")
    func summary() {
        let pods = Self.rows.prefix(6).map { PodAssessment(["metadata": ["name": "p"], "status": $0.status]) }
        let summary = PodSummary(pods)
        #expect(summary.ready == 1)
        #expect(summary.pending == 2)
        #expect(summary.failing == 2)
        #expect(summary.health(desiredReplicas: 3) == .unhealthy("Pod p in Failed phase"))
    }
}
