import ActorResource

/// Steps 4 and 5 of a reconcile (operator.md 4): is the spec fine, and is there such a transport? Both are asked, so
/// that a mistake in the spec does not look like one of the transport. Pure.
struct Admission: Equatable {
    /// What the answers mean for the status.
    var conditions: [Condition.Kind: Condition]
    /// What is worth an event.
    var events: [ActorEvent]
    /// The transport, when the actor may be reconciled. Otherwise nothing is done until spec or configuration change.
    var transport: TransportDefinition?

    /// - Parameter annotations: those of the actor that concern the operator.
    init(_ actor: AsyncActor, _ registry: TransportRegistry, annotations: [String: String] = [:]) {
        var conditions: [Condition.Kind: Condition] = [:]
        var events: [ActorEvent] = []
        var transport: TransportDefinition?
        do {
            transport = try registry.lookUp(actor.spec.transport)
            conditions[.transport] = .transportValidated
        } catch {
            conditions[.transport] = .failed(.transport, "InvalidTransport", "\(error)")
            events.append(.warning("InvalidTransport", "\(error)"))
        }
        let type = transport.flatMap { ActorValidation.TransportType(rawValue: $0.type) }
        if let finding = ActorValidation.firstFailure(of: actor, transportType: type) {
            conditions[.workload] = .failed(.workload, "ValidationError", finding.message)
            events.append(.warning("ValidationError", finding.message))
        }
        self.conditions = conditions
        self.events = events
        let isAdmitted = conditions[.workload] == nil
        self.transport = isAdmitted ? transport : nil
        if isAdmitted { self.events += Self.advice(actor, annotations: annotations) }
    }

    /// What is allowed and still probably a mistake (operator.md 17, OB17).
    private static func advice(_ actor: AsyncActor, annotations: [String: String]) -> [ActorEvent] {
        var events: [ActorEvent] = []
        let role = DesiredServiceAccount.roleAnnotation
        if annotations[role] != nil {
            let text =
                "the annotation \(role) on an actor has no effect: set actorRoleArn in the transport's configuration"
            events.append(.warning("RoleAnnotationIgnored", text))
        }
        let timeout = actor.spec.timeout
        // Both schema defaults together would warn for every actor.
        if timeout.processing > 0, timeout.gracefulShutdown < timeout.processing,
            timeout.processing != AsyncActor.Timeout().processing
        {
            let text =
                "timeout.gracefulShutdown (\(timeout.gracefulShutdown) s) is below timeout.processing "
                + "(\(timeout.processing) s): a pod that is stopped cannot finish its message"
            events.append(.warning("ShortGracePeriod", text))
        }
        return events
    }
}
