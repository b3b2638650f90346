import Support

/// The ConfigMap with the runtime's script (operator.md 6). It has no owner: all actors of a namespace share it.
enum RuntimeConfigMap {
    static let name = "asya-runtime"
    static let dataKey = "asya_runtime.py"
    static let labels = [
        "app.kubernetes.io/name": "asya-runtime",
        "app.kubernetes.io/component": "runtime",
        "app.kubernetes.io/part-of": "asya",
    ]

    /// The fields that are applied; other keys and labels stay.
    static func object(namespace: String, script: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": [
                "name": .string(self.name), "namespace": .string(namespace), "labels": .strings(self.labels),
            ],
            "data": .object([self.dataKey: .string(script)]),
        ]
    }
}
