import ActorResource
import Support

/// A PodDisruptionBudget for actors with the annotation `asya.sh/pdb: "true"` (operator.md OB17).
enum DesiredDisruptionBudget {
    static let annotation = "asya.sh/pdb"

    static func object(_ input: DesiredInput) -> DesiredObject? {
        guard input.annotations[self.annotation] == "true" else { return nil }
        return DesiredObject(
            .podDisruptionBudget,
            name: input.actor.name,
            owner: input.owner,
            members: [
                "spec": [
                    "maxUnavailable": 1,
                    "selector": [
                        "matchLabels": [
                            OwnedObject.actorLabel: .string(input.actor.name),
                            DesiredDeployment.workloadLabel: .string(DesiredDeployment.workloadLabelValue),
                        ]
                    ],
                ]
            ]
        )
    }
}
