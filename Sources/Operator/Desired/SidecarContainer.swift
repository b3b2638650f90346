import ActorResource
import Support

/// The container that the operator injects (operator.md 7.1).
enum SidecarContainer {
    static let metricsPort = 8080
    static let metricsPortName = "asya-metrics"

    static func object(_ input: DesiredInput) -> JSONValue {
        let sidecar = input.actor.spec.sidecar
        let image = sidecar.image.flatMap { $0.isEmpty ? nil : $0 } ?? input.settings.sidecarImage
        let policy = sidecar.imagePullPolicy
        var container: JSONValue = [
            "name": .string(AsyncActor.sidecarContainerName),
            "image": .string(image),
            "imagePullPolicy": .string(policy.isEmpty ? "IfNotPresent" : policy),
            "env": .array(SidecarEnvironment.variables(input)),
            "volumeMounts": .array(DesiredDeployment.commonMounts()),
            "ports": [["name": .string(self.metricsPortName), "containerPort": .integer(self.metricsPort)]],
        ]
        container.set("resources", sidecar.resources ?? input.settings.sidecarResources)
        if input.settings.hardensSidecar {
            container.set(
                "securityContext",
                [
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": ["drop": ["ALL"]],
                ]
            )
        }
        return container
    }
}
