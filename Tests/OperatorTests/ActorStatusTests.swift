import Support
import Testing

@testable import Operator

@Suite("Actor status")
struct ActorStatusTests {
    @Test("a first status has every field of the contract")
    func first() {
        let status = ActorStatus(self.observation()).json
        #expect(status["status"]?.string == "Running")
        #expect(status["observedGeneration"]?.integer == 3)
        #expect(status["replicas"]?.integer == 2)
        #expect(status["readyReplicasSummary"]?.string == "2/2")
        #expect(status["replicasSummary"]?.string == "2/2")
        #expect(status["readySummary"]?.string == "2/2")
        #expect(status["transportStatus"]?.string == "Ready")
        #expect(status["scalingMode"]?.string == "Manual")
        #expect(status["lastScaleTime"]?.string == "2026-01-02T03:04:05Z")
        #expect(status["lastScaleDirection"]?.string == "up")
        #expect(status["lastScaleFormatted"]?.string == "0s ago (up)")
        #expect(status["workloadRef"]?["name"]?.string == "a")
        #expect(status["scaledObjectRef"] == nil)
        #expect(status["queuedMessages"] == nil)
        let types = status["conditions"]?.elements?.compactMap { $0["type"]?.string }
        #expect(types == ["TransportReady", "WorkloadReady", "Ready"])
    }

    @Test("the same observation an hour later changes nothing, though the age of the last scale has")
    func atRest() {
        var observation = self.observation()
        observation.previous = ActorStatus(observation).json
        observation.nowMilliseconds += 3_600_000
        #expect(ActorStatus(observation).json == observation.previous)
    }

    @Test("the age is fresh as soon as anything else changes")
    func freshAge() {
        var observation = self.observation()
        observation.previous = ActorStatus(observation).json
        observation.nowMilliseconds += 3_600_000
        observation.queued = 7
        let status = ActorStatus(observation).json
        #expect(status["lastScaleFormatted"]?.string == "1h ago (up)")
        #expect(status["queuedMessages"]?.integer == 7)
    }

    @Test("a condition keeps its time while its status stays, and always shows the latest message")
    func transitionTime() {
        var observation = self.observation()
        observation.conditions[.workload] = .failed(.workload, "PodsNotHealthy", "one")
        observation.previous = ActorStatus(observation).json
        observation.nowMilliseconds += 60_000
        observation.conditions[.workload] = .failed(.workload, "PodsNotHealthy", "two")
        let same = self.condition("WorkloadReady", ActorStatus(observation).json)
        #expect(same?["message"]?.string == "two")
        #expect(same?["lastTransitionTime"]?.string == "2026-01-02T03:04:05Z")
        observation.conditions[.workload] = .workloadCreated
        let changed = self.condition("WorkloadReady", ActorStatus(observation).json)
        #expect(changed?["lastTransitionTime"]?.string == "2026-01-02T03:05:05Z")
    }

    @Test("conditions of others stay, a stale ScalingReady goes")
    func foreignConditions() {
        var observation = self.observation()
        observation.previous = [
            "conditions": [
                ["type": "ScalingReady", "status": "True", "reason": "x", "message": "x", "lastTransitionTime": "t"],
                ["type": "Theirs", "status": "True", "reason": "x", "message": "x", "lastTransitionTime": "t"],
            ]
        ]
        let status = ActorStatus(observation).json
        #expect(self.condition("ScalingReady", status) == nil)
        #expect(self.condition("Theirs", status) != nil)
    }

    @Test("Ready gives the reason of the first condition that is not True")
    func ready() {
        var observation = self.observation()
        observation.isScalingEnabled = true
        observation.conditions[.scaling] = .failed(.scaling, "ReconcileError", "KEDA CRDs not installed")
        let status = ActorStatus(observation).json
        #expect(self.condition("Ready", status)?["status"]?.string == "False")
        #expect(self.condition("Ready", status)?["reason"]?.string == "ReconcileError")
        #expect(status["readySummary"]?.string == "2/3")
        observation.conditions[.scaling] = .scaledObjectCreated
        #expect(self.condition("Ready", ActorStatus(observation).json)?["status"]?.string == "True")
    }

    @Test("with KEDA the autoscaler's number counts, and the Deployment's only while it says nothing")
    func desired() {
        var observation = self.observation()
        observation.isScalingEnabled = true
        observation.conditions[.scaling] = .scaledObjectCreated
        #expect(ActorStatus(observation).json["desiredReplicas"]?.integer == 2)
        observation.autoscalerDesired = 6
        #expect(ActorStatus(observation).json["desiredReplicas"]?.integer == 6)
    }

    @Test("fewer ready pods are a scale down")
    func down() {
        var observation = self.observation()
        observation.previous = ["replicas": 5]
        #expect(ActorStatus(observation).json["lastScaleDirection"]?.string == "down")
    }

    @Test(
        "ages are cut to their largest unit",
        arguments: [(0, "0s ago"), (30, "30s ago"), (300, "5m ago"), (7200, "2h ago"), (260_000, "3d ago")]
            as [(Int64, String)]
    )
    func ages(seconds: Int64, text: String) {
        #expect(LastScaleText.age(seconds: seconds) == text)
    }

    @Test(
        "times are read back as they were written",
        arguments: [0, 951_782_400, 1_767_323_045, 4_102_444_799] as [Int64]
    )
    func times(seconds: Int64) {
        #expect(TimestampReading.epochSeconds(Timestamp.text(epochSeconds: seconds)) == seconds)
    }

    @Test(
        "what is no time is none",
        arguments: ["", "2026-01-02", "2026-13-02T03:04:05Z", "2026-01-02T03:04:05+00:00"]
    )
    func noTimes(text: String) {
        #expect(TimestampReading.epochSeconds(text) == nil)
    }

    @Test("the patch of a status holds changes, and null for what goes")
    func patch() {
        let old: JSONValue = ["a": 1, "b": 2, "c": 3]
        let new: JSONValue = ["a": 1, "b": 5]
        #expect(StatusWriter.difference(from: old, to: new) == ["b": 5, "c": .null])
    }

    private func condition(_ type: String, _ status: JSONValue) -> JSONValue? {
        status["conditions"]?.elements?.first { $0["type"]?.string == type }
    }

    private func observation() -> ActorStatus.Observation {
        ActorStatus.Observation(
            key: ObjectKey(namespace: "demo", name: "a"),
            generation: 3,
            previous: .object([:]),
            conditions: [.transport: .transportValidated, .workload: .workloadCreated],
            deployment: .init(desired: 2, total: 2, ready: 2, updated: 2, isObserved: true),
            nowMilliseconds: 1_767_323_045_000
        )
    }
}
