import Support

/// One condition (crd.md 4), before it gets its time of transition.
struct Condition: Equatable, Sendable {
    /// The types the operator owns.
    enum Kind: String, CaseIterable, Sendable {
        case transport = "TransportReady"
        case workload = "WorkloadReady"
        case scaling = "ScalingReady"
        case ready = "Ready"
    }

    var kind: Kind
    var isTrue: Bool
    var reason: String
    var message: String

    /// The API server refuses longer messages.
    static let messageCharacterLimit = 1024

    static let transportValidated = Condition(
        kind: .transport,
        isTrue: true,
        reason: "TransportValidated",
        message: "Transport configuration validated"
    )
    static let workloadCreated = Condition(
        kind: .workload,
        isTrue: true,
        reason: "WorkloadCreated",
        message: "Workload successfully created"
    )
    static let podsPending = Condition(
        kind: .workload,
        isTrue: false,
        reason: "PodsPending",
        message: "No pods found"
    )
    static let scaledObjectCreated = Condition(
        kind: .scaling,
        isTrue: true,
        reason: "ScaledObjectCreated",
        message: "KEDA ScaledObject successfully created"
    )

    static func failed(_ kind: Kind, _ reason: String, _ message: String) -> Condition {
        Condition(kind: kind, isTrue: false, reason: reason, message: message)
    }

    /// True exactly when all expected ones are, else the reason of the first that is not (crd.md 4).
    static func ready(from conditions: [Kind: Condition], expected: [Kind]) -> Condition {
        for kind in expected {
            guard let condition = conditions[kind] else {
                return .failed(.ready, "Pending", "\(kind.rawValue) is not known yet")
            }
            if !condition.isTrue { return .failed(.ready, condition.reason, condition.message) }
        }
        let text = "All expected conditions are True"
        return Condition(kind: .ready, isTrue: true, reason: "AllConditionsReady", message: text)
    }

    /// The API's form. The time stays while the status does.
    func json(previous: JSONValue?, generation: Int, now: String) -> JSONValue {
        let status = self.isTrue ? "True" : "False"
        let isSame = previous?["status"]?.string == status
        let time = isSame ? previous?["lastTransitionTime"]?.string ?? now : now
        return [
            "type": .string(self.kind.rawValue),
            "status": .string(status),
            "reason": .string(self.reason),
            "message": .string(String(self.message.prefix(Self.messageCharacterLimit))),
            "lastTransitionTime": .string(time),
            "observedGeneration": .integer(generation),
        ]
    }
}
