/// What a field may hold: the subset of OpenAPI that the custom resource uses (crd.md section 2).
indirect enum FieldSchema: Sendable {
    /// Anything; not looked at.
    case any
    /// Text of at least `minLength` characters, one of `allowed` unless that is empty.
    case text(minLength: Int = 0, allowed: [String] = [])
    /// A whole number that a 32-bit integer holds, at least `minimum`.
    case integer(minimum: Int? = nil, rule: ActorRule = .minimum)
    /// `true` or `false`.
    case boolean
    /// A quantity of Kubernetes: a number or text like `64Mi`.
    case quantity
    /// Text, a number or a truth value, taken as it was written.
    case scalar
    /// Whole seconds as a number, or a duration such as `90s` or `5m`.
    case seconds
    /// A list.
    case list(FieldSchema)
    /// Any names, one kind of value.
    case map(FieldSchema)
    /// Known names. `isOpen`: others are allowed and not looked at.
    case object([String: FieldSchema], required: [String] = [], isOpen: Bool = false)
}

extension FieldSchema {
    /// The whole custom resource. `metadata.name` has rules of its own.
    static let asyncActor = FieldSchema.object(
        [
            "apiVersion": .text(), "kind": .text(), "metadata": .objectMetadata, "spec": .spec, "status": .any,
        ],
        required: ["metadata", "spec"]
    )

    private static let objectMetadata = FieldSchema.object(
        [
            "name": .text(), "namespace": .text(), "labels": .map(.text()), "annotations": .map(.text()),
            "finalizers": .list(.text()), "uid": .text(), "generation": .any, "resourceVersion": .text(),
            "creationTimestamp": .any, "deletionTimestamp": .any, "deletionGracePeriodSeconds": .any,
            "generateName": .text(), "managedFields": .any, "ownerReferences": .any, "selfLink": .any,
        ],
        required: ["name"]
    )

    private static let spec = FieldSchema.object(
        [
            "transport": .text(minLength: 1), "sidecar": .sidecar, "timeout": .timeout, "scaling": .scaling,
            "workload": .workload,
        ],
        required: ["transport", "workload"]
    )

    private static let sidecar = FieldSchema.object([
        "image": .text(), "imagePullPolicy": .text(allowed: ["Always", "IfNotPresent", "Never"]),
        "resources": .resources, "env": .list(.environmentEntry),
    ])

    private static let timeout = FieldSchema.object([
        "processing": .integer(minimum: 0), "gracefulShutdown": .integer(minimum: 0),
    ])

    static let scaling = FieldSchema.object([
        "enabled": .boolean, "minReplicas": .integer(minimum: 0), "maxReplicas": .integer(minimum: 1),
        "pollingInterval": .integer(minimum: 1), "cooldownPeriod": .integer(minimum: 0),
        "queueLength": .integer(minimum: 1), "advanced": .advanced,
    ])

    private static let advanced = FieldSchema.object([
        "formula": .text(), "target": .text(), "activationTarget": .text(),
        "metricType": .text(allowed: ["AverageValue", "Value", "Utilization"]),
        "restoreToOriginalReplicaCount": .boolean,
    ])

    private static let workload = FieldSchema.object(
        [
            "kind": .text(allowed: ["Deployment", "StatefulSet"]), "replicas": .integer(minimum: 0),
            "pythonExecutable": .text(), "template": .template,
        ],
        required: ["template"]
    )

    /// The CRD does not look into `spec`; what is checked there would be refused when the Deployment is made.
    private static let template = FieldSchema.object(["metadata": .podMetadata, "spec": .podSpec])

    private static let podMetadata = FieldSchema.object(
        ["labels": .map(.text()), "annotations": .map(.text())],
        isOpen: true
    )

    private static let podSpec = FieldSchema.object(
        [
            "containers": .list(.container), "initContainers": .list(.container),
            "volumes": .list(.object(["name": .text(minLength: 1)], required: ["name"], isOpen: true)),
        ],
        isOpen: true
    )

    /// Absent names and images have rules of their own (crd.md B4).
    private static let container = FieldSchema.object(
        [
            "name": .text(), "image": .text(), "command": .list(.text()), "args": .list(.text()),
            "env": .list(.environmentEntry), "resources": .resources,
            "volumeMounts": .list(
                .object(
                    ["name": .text(minLength: 1), "mountPath": .text(minLength: 1)],
                    required: ["name", "mountPath"],
                    isOpen: true
                )
            ),
        ],
        isOpen: true
    )

    private static let resources = FieldSchema.object([
        "limits": .map(.quantity), "requests": .map(.quantity),
        "claims": .list(.object(["name": .text(), "request": .text()], required: ["name"])),
    ])

    private static let environmentEntry = FieldSchema.object(
        ["name": .text(minLength: 1), "value": .text(), "valueFrom": .environmentSource],
        required: ["name"]
    )

    private static let environmentSource = FieldSchema.object(
        [
            "configMapKeyRef": .keyReference, "secretKeyRef": .keyReference,
            "fieldRef": .object(["apiVersion": .text(), "fieldPath": .text()], required: ["fieldPath"]),
            "resourceFieldRef": .object(
                ["containerName": .text(), "divisor": .quantity, "resource": .text()],
                required: ["resource"]
            ),
        ],
        isOpen: true
    )

    private static let keyReference = FieldSchema.object(
        ["key": .text(), "name": .text(), "optional": .boolean],
        required: ["key"]
    )
}
