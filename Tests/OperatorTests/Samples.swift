import ActorResource
import Support

@testable import Operator

/// Values that many tests begin with.
enum Samples {
    static let container: JSONValue = [
        "name": "asya-runtime", "image": "registry.example/word-counter:1.4",
        "env": [["name": "ASYA_HANDLER", "value": "counter.count_words"]],
    ]

    static func actor(
        name: String = "word-counter",
        namespace: String = "demo",
        generation: Int = 1,
        containers: [JSONValue] = [container],
        pod: [String: JSONValue] = [:],
        labels: [String: String] = [:],
        change: (inout AsyncActor) -> Void = { _ in }
    ) -> AsyncActor {
        var spec = pod
        spec["containers"] = .array(containers)
        var template: JSONValue = ["spec": .object(spec)]
        if !labels.isEmpty { template.set("metadata", ["labels": .strings(labels)]) }
        var metadata = AsyncActor.Metadata(name: name, namespace: namespace, uid: "uid-1")
        metadata.generation = generation
        var actor = AsyncActor(
            metadata: metadata,
            spec: .init(transport: "rabbitmq", workload: .init(template: template))
        )
        actor.spec.scaling.cooldownPeriod = 60
        change(&actor)
        return actor
    }

    static func registry(_ text: String) throws -> TransportRegistry { try TransportRegistry(parsing: text) }

    static func rabbitMQ(_ config: String = #"{"host":"mq","port":5672,"username":"app"}"#) throws
        -> TransportDefinition
    {
        let text = #"{"transports":{"rabbitmq":{"type":"rabbitmq","enabled":true,"config":\#(config)}}}"#
        return try self.registry(text).lookUp("rabbitmq")
    }

    static func sqs(_ config: String) throws -> TransportDefinition {
        let text = #"{"transports":{"sqs":{"type":"sqs","enabled":true,"config":\#(config)}}}"#
        return try self.registry(text).lookUp("sqs")
    }

    static func input(
        _ actor: AsyncActor,
        _ transport: TransportDefinition,
        change: (inout DesiredInput) -> Void = { _ in }
    ) -> DesiredInput {
        var input = DesiredInput(
            actor: actor,
            owner: OwnerReference(
                key: ObjectKey(namespace: actor.metadata.namespace, name: actor.name),
                uid: actor.metadata.uid ?? ""
            ),
            annotations: [:],
            transport: transport,
            settings: ActorSettings(),
            scriptHash: "0123456789abcdef"
        )
        change(&input)
        return input
    }

    /// An object as the API server would answer.
    static func stored(_ desired: DesiredObject, uid: String = "d-1", resourceVersion: String = "5") -> JSONValue {
        var object = desired.body
        var metadata = object["metadata"] ?? .object([:])
        metadata.set("uid", .string(uid))
        metadata.set("resourceVersion", .string(resourceVersion))
        object.set("metadata", metadata)
        return object
    }
}
