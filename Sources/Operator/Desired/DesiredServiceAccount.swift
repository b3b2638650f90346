import ActorResource
import Support

/// The ServiceAccount that gives an actor its AWS role (operator.md 8).
enum DesiredServiceAccount {
    static let roleAnnotation = "eks.amazonaws.com/role-arn"

    /// Its name.
    static func name(actor: String) -> String { "asya-\(actor)" }

    /// The object; `nil` when the transport has no role, or the pod's own choice stands.
    static func object(_ input: DesiredInput) throws(DesiredStateError) -> DesiredObject? {
        guard case .sqs(let settings) = input.transport.broker, !settings.actorRoleARN.isEmpty else { return nil }
        let podSpec = input.actor.spec.workload.template["spec"]
        if let own = podSpec?["serviceAccountName"]?.string, !own.isEmpty {
            throw DesiredStateError(
                description: "cannot use custom serviceAccountName \"\(own)\" when IRSA (actorRoleArn) is configured: "
                    + "remove serviceAccountName from spec or disable IRSA"
            )
        }
        return DesiredObject(
            .serviceAccount,
            name: self.name(actor: input.actor.name),
            owner: input.owner,
            annotations: [self.roleAnnotation: settings.actorRoleARN],
            members: [:]
        )
    }
}
