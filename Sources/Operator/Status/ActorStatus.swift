import ActorResource
import Support

/// The status of an actor from what is known about it (operator.md 7.2, 11; crd.md 3). Pure: time comes in.
struct ActorStatus {
    /// Everything that is known. Numbers of a Deployment that does not exist are 0.
    struct Observation {
        var key: ObjectKey
        var generation: Int
        var isDeleting = false
        /// The status as it is stored.
        var previous: JSONValue
        /// What this reconcile found out; one that is absent was not looked at.
        var conditions: [Condition.Kind: Condition]
        var isScalingEnabled = false
        var deployment: ObservedDeployment.Numbers?
        var pods = PodSummary([])
        /// What the autoscaler wants, when it says.
        var autoscalerDesired: Int?
        var hasScaledObject = false
        /// `nil` leaves the stored numbers.
        var queued: Int?
        var processing: Int?
        var nowMilliseconds: Int64
    }

    /// Conditions that count, in the order in which the first failing one is reported.
    static func expected(isScalingEnabled: Bool) -> [Condition.Kind] {
        isScalingEnabled ? [.transport, .workload, .scaling] : [.transport, .workload]
    }

    private let observation: Observation
    private let previous: JSONValue

    init(_ observation: Observation) {
        self.observation = observation
        self.previous = observation.previous
    }

    /// The whole status. Equal to the stored one when nothing has changed but the age of the last scale, whose text is
    /// only as fresh as the last write (crd.md B6).
    var json: JSONValue {
        let fresh = self.freshJSON
        var kept = fresh
        kept.set("lastScaleFormatted", self.previous["lastScaleFormatted"])
        return kept == self.previous ? self.previous : fresh
    }

    private var freshJSON: JSONValue {
        let seen = self.observation
        let numbers = seen.deployment
        let ready = numbers?.ready ?? 0
        let total = numbers?.total ?? 0
        let desired = self.desiredReplicas
        let scale = self.lastScale(ready: ready)
        let conditions = self.allConditions
        let expected = Self.expected(isScalingEnabled: seen.isScalingEnabled)
        let trueCount = expected.filter { conditions[$0]?.isTrue == true }.count
        let isTransportReady = conditions[.transport]?.isTrue == true

        var status: [String: JSONValue?] = [
            "status": .string(self.state(conditions, ready: ready, total: total, scale: scale).rawValue),
            "conditions": .array(self.conditionList(conditions)),
            "observedGeneration": .integer(seen.generation),
            "replicas": .integer(ready),
            "readyReplicas": .integer(ready),
            "totalReplicas": .integer(total),
            "desiredReplicas": .integer(desired ?? ready),
            "pendingReplicas": .integer(seen.pods.pending),
            "failingPods": .integer(seen.pods.failing),
            "readyReplicasSummary": .string("\(ready)/\(total)"),
            "replicasSummary": .string("\(ready)/\(desired ?? ready)"),
            "readySummary": .string("\(trueCount)/\(expected.count)"),
            "transportStatus": .string(isTransportReady ? "Ready" : "NotReady"),
            "scalingMode": .string(seen.isScalingEnabled ? "KEDA" : "Manual"),
            "lastScaleTime": scale.time.map(JSONValue.string),
            "lastScaleDirection": scale.direction.map(JSONValue.string),
            "lastScaleFormatted": .string(self.formatted(scale)),
            "queuedMessages": seen.queued.map(JSONValue.integer) ?? self.previous["queuedMessages"],
            "processingMessages": seen.processing.map(JSONValue.integer) ?? self.previous["processingMessages"],
        ]
        if numbers != nil {
            status["workloadRef"] = [
                "apiVersion": .string(ResourceType.deployment.apiVersion),
                "kind": .string(ResourceType.deployment.kind),
                "name": .string(seen.key.name), "namespace": .string(seen.key.namespace),
            ]
        }
        if seen.hasScaledObject {
            status["scaledObjectRef"] = [
                "name": .string(seen.key.name), "namespace": .string(seen.key.namespace),
            ]
        }
        return .object(omittingNil: status)
    }

    /// The autoscaler's word with KEDA, else the Deployment's; `nil` when neither says.
    private var desiredReplicas: Int? {
        let own = self.observation.deployment.flatMap(\.desired)
        guard self.observation.isScalingEnabled else { return own }
        return self.observation.autoscalerDesired ?? own
    }

    private func state(
        _ conditions: [Condition.Kind: Condition],
        ready: Int,
        total: Int,
        scale: LastScale
    ) -> ActorState {
        let seen = self.observation
        let numbers = seen.deployment
        let sinceScale = scale.epochMilliseconds.map { Duration.milliseconds(seen.nowMilliseconds - $0) }
        return ActorState(
            ActorState.Input(
                isDeleting: seen.isDeleting,
                observedGeneration: seen.generation,
                conditions: conditions,
                isScalingEnabled: seen.isScalingEnabled,
                ready: ready,
                total: total,
                desired: self.desiredReplicas ?? 0,
                failing: seen.pods.failing,
                isRollingOut: numbers.map { !$0.isObserved || ($0.total > 0 && $0.updated < $0.total) } ?? false,
                wasEverReady: scale.time != nil,
                sinceLastScale: sinceScale
            )
        )
    }

    // MARK: Conditions

    private var allConditions: [Condition.Kind: Condition] {
        var conditions = self.observation.conditions
        let expected = Self.expected(isScalingEnabled: self.observation.isScalingEnabled)
        // One that could not be looked at this time keeps its last word.
        for kind in expected where conditions[kind] == nil {
            conditions[kind] = self.stored(kind).map { stored in
                Condition(
                    kind: kind,
                    isTrue: stored["status"]?.string == "True",
                    reason: stored["reason"]?.string ?? "",
                    message: stored["message"]?.string ?? ""
                )
            }
        }
        if !self.observation.isScalingEnabled { conditions[.scaling] = nil }
        conditions[.ready] = Condition.ready(from: conditions, expected: expected)
        return conditions
    }

    private func stored(_ kind: Condition.Kind) -> JSONValue? {
        self.previous["conditions"]?.elements?.first { $0["type"]?.string == kind.rawValue }
    }

    /// Ours in a fixed order, then those of others as they are (crd.md B5).
    private func conditionList(_ conditions: [Condition.Kind: Condition]) -> [JSONValue] {
        let now = Timestamp.text(epochSeconds: self.observation.nowMilliseconds / 1000)
        let generation = self.observation.generation
        let own = Condition.Kind.allCases.compactMap { kind in
            conditions[kind]?.json(previous: self.stored(kind), generation: generation, now: now)
        }
        let ownTypes = Set(Condition.Kind.allCases.map(\.rawValue))
        let foreign = (self.previous["conditions"]?.elements ?? []).filter { condition in
            !ownTypes.contains(condition["type"]?.string ?? "")
        }
        return own + foreign
    }

    // MARK: Last scale

    private struct LastScale {
        var time: String?
        var epochMilliseconds: Int64?
        var direction: String?
    }

    private func lastScale(ready: Int) -> LastScale {
        let before = self.previous["replicas"]?.integer ?? 0
        guard ready != before, self.observation.deployment != nil else {
            let time = self.previous["lastScaleTime"]?.string
            return LastScale(
                time: time,
                epochMilliseconds: time.flatMap(TimestampReading.epochSeconds).map { $0 * 1000 },
                direction: self.previous["lastScaleDirection"]?.string
            )
        }
        return LastScale(
            time: Timestamp.text(epochSeconds: self.observation.nowMilliseconds / 1000),
            epochMilliseconds: self.observation.nowMilliseconds,
            direction: ready > before ? "up" : "down"
        )
    }

    private func formatted(_ scale: LastScale) -> String {
        guard let time = scale.epochMilliseconds else { return "-" }
        let seconds = max(0, self.observation.nowMilliseconds - time) / 1000
        let age = LastScaleText.age(seconds: seconds)
        let direction = scale.direction ?? ""
        return direction.isEmpty ? age : "\(age) (\(direction))"
    }
}

/// The text of the column Last-Scale (crd.md 6).
enum LastScaleText {
    static func age(seconds: Int64) -> String {
        switch seconds {
        case ..<60: "\(seconds)s ago"
        case ..<3600: "\(seconds / 60)m ago"
        case ..<86400: "\(seconds / 3600)h ago"
        default: "\(seconds / 86400)d ago"
        }
    }
}
