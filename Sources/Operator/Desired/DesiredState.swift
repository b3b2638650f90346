import ActorResource
import Support

/// What objects are built from, gathered beforehand: everything here is a value.
struct DesiredInput: Sendable {
    /// The actor.
    var actor: AsyncActor
    /// Its identity.
    var owner: OwnerReference
    /// Those of `asya.sh/` on the actor.
    var annotations: [String: String]
    /// The actor's transport.
    var transport: TransportDefinition
    /// The operator's settings.
    var settings: ActorSettings
    /// Hash of the runtime's script.
    var scriptHash: String
    /// The selector of the Deployment that exists already; it cannot be changed.
    var selector: [String: String]?
    /// Whether the Secret with RabbitMQ's password has the key `username` that KEDA would read.
    var secretHasUsername = true
    /// Fields that this API server does not know, to be left out (operator.md 19, crd.md B1).
    var unknownFields: [String] = []
}

/// A combination that cannot be built; the text goes into a condition.
struct DesiredStateError: Error, Equatable, CustomStringConvertible {
    let description: String
}

/// All objects an actor should have, except the shared ConfigMap. Pure.
struct DesiredState: Equatable, Sendable {
    /// `asya-<actor>` (operator.md 8), with SQS and a role.
    var serviceAccount: DesiredObject?
    /// The workload.
    var deployment: DesiredObject
    /// What `spec.replicas` should be; `nil` while the autoscaler owns it.
    var replicas: Int?
    /// Protection of running pods, when the actor asks for it (operator.md OB17).
    var disruptionBudget: DesiredObject?

    init(_ input: DesiredInput) throws(DesiredStateError) {
        let workload = input.actor.spec.workload
        switch workload.kind {
        case "Deployment": break
        case "StatefulSet": throw DesiredStateError(description: "StatefulSet support not yet implemented")
        default:
            let text = "unsupported workload kind: \(workload.kind) (only Deployment and StatefulSet are supported)"
            throw DesiredStateError(description: text)
        }
        self.serviceAccount = try DesiredServiceAccount.object(input)
        self.deployment = DesiredDeployment(input).object
        self.replicas = input.actor.spec.scaling.enabled ? nil : workload.replicas
        self.disruptionBudget = DesiredDisruptionBudget.object(input)
    }
}
