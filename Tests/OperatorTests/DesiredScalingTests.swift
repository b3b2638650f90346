import ActorResource
import Support
import Testing

@testable import Operator

@Suite("Desired scaling")
struct DesiredScalingTests {
    @Test("a RabbitMQ trigger without password names the user in its URL")
    func rabbitMQ() throws {
        let trigger = try self.trigger(try Samples.rabbitMQ())
        #expect(trigger["type"]?.string == "rabbitmq")
        #expect(trigger["name"]?.string == "queueLength")
        #expect(
            trigger["metadata"]?.strings == [
                "queueName": "asya-word-counter", "mode": "QueueLength", "value": "5", "protocol": "amqp",
                "host": "amqp://app@mq:5672",
            ]
        )
        #expect(trigger["authenticationRef"] == nil)
    }

    @Test("with a password the login comes from the Secret")
    func password() throws {
        let transport = try Samples.rabbitMQ(
            #"{"host":"mq","port":5672,"username":"app","passwordSecretRef":{"name":"s","key":"pw"}}"#
        )
        let scaling = try DesiredScaling(Samples.input(self.actor, transport))
        let trigger = scaling.scaledObject.body["spec"]?["triggers"]?.elements?.first
        #expect(trigger?["metadata"]?["host"]?.string == "amqp://mq:5672")
        #expect(trigger?["authenticationRef"]?["name"]?.string == "word-counter-trigger-auth")
        #expect(
            scaling.triggerAuthentication?.body["spec"]?["secretTargetRef"] == [
                ["parameter": "username", "name": "s", "key": "username"],
                ["parameter": "password", "name": "s", "key": "pw"],
            ]
        )
        let bare = try DesiredScaling(Samples.input(self.actor, transport) { $0.secretHasUsername = false })
        let host = bare.scaledObject.body["spec"]?["triggers"]?.elements?.first?["metadata"]?["host"]?.string
        #expect(host == "amqp://app@mq:5672")
        #expect(bare.triggerAuthentication?.body["spec"]?["secretTargetRef"]?.elements?.count == 1)
    }

    @Test("with a management port the trigger counts messages that are being worked on")
    func managementPort() throws {
        let transport = try Samples.rabbitMQ(#"{"host":"mq","port":5672,"username":"app","managementPort":15672}"#)
        let metadata = try self.trigger(transport)["metadata"]?.strings
        #expect(metadata?["protocol"] == "http")
        #expect(metadata?["host"] == "http://app@mq:15672/%2F")
    }

    @Test(
        "what a trigger needs is named when it is missing",
        arguments: [
            (#"{"port":1,"username":"x"}"#, "host"), (#"{"host":"mq","username":"x"}"#, "port"),
            (#"{"host":"mq","port":1}"#, "username"),
        ]
    )
    func missing(config: String, field: String) throws {
        let transport = try Samples.rabbitMQ(config)
        let text = "failed to build KEDA triggers: RabbitMQ \(field) is required in operator transport config"
        #expect(throws: DesiredStateError(description: text)) {
            try DesiredScaling(Samples.input(self.actor, transport))
        }
    }

    @Test("an SQS trigger with pod identity and its TriggerAuthentication")
    func sqsPodIdentity() throws {
        let transport = try Samples.sqs(#"{"region":"eu-west-1","accountId":"42"}"#)
        let scaling = try DesiredScaling(Samples.input(self.actor, transport))
        let trigger = scaling.scaledObject.body["spec"]?["triggers"]?.elements?.first
        #expect(
            trigger?["metadata"]?.strings == [
                "queueLength": "5", "awsRegion": "eu-west-1", "identityOwner": "pod", "scaleOnInFlight": "true",
                "queueURL": "https://sqs.eu-west-1.amazonaws.com/42/asya-word-counter",
            ]
        )
        #expect(scaling.triggerAuthentication?.body["spec"] == ["podIdentity": ["provider": "aws"]])
    }

    @Test("an SQS trigger with static keys and an endpoint")
    func sqsKeys() throws {
        let transport = try Samples.sqs(
            """
            {"region":"r","accountId":"42","endpoint":"http://moto:1","credentials":{
            "accessKeyIdSecretRef":{"name":"s","key":"id"},"secretAccessKeySecretRef":{"name":"s","key":"secret"}}}
            """
        )
        let scaling = try DesiredScaling(Samples.input(self.actor, transport))
        let metadata = scaling.scaledObject.body["spec"]?["triggers"]?.elements?.first?["metadata"]?.strings
        #expect(metadata?["queueURL"] == "http://moto:1/42/asya-word-counter")
        #expect(metadata?["awsEndpoint"] == "http://moto:1")
        #expect(metadata?["identityOwner"] == nil)
        let parameters = scaling.triggerAuthentication?.body["spec"]?["secretTargetRef"]?.elements?
            .compactMap { $0["parameter"]?.string }
        #expect(parameters == ["awsAccessKeyID", "awsSecretAccessKey"])
    }

    @Test("numbers, behaviour and modifiers of the ScaledObject")
    func scaledObject() throws {
        var actor = self.actor
        actor.metadata.generation = 7
        actor.spec.scaling.minReplicas = 1
        actor.spec.scaling.cooldownPeriod = 600
        actor.spec.scaling.advanced = .init(formula: "queueLength * 2", target: "4", metricType: "Strange")
        let object = try DesiredScaling(Samples.input(actor, try Samples.rabbitMQ())).scaledObject.body
        let spec = object["spec"]
        #expect(object["metadata"]?["annotations"]?["asya.sh/source-generation"]?.string == "7")
        #expect(spec?["scaleTargetRef"] == ["name": "word-counter"])
        #expect(spec?["minReplicaCount"]?.integer == 1)
        #expect(spec?["maxReplicaCount"]?.integer == 50)
        #expect(spec?["cooldownPeriod"]?.integer == 600)
        #expect(
            spec?["advanced"]?["scalingModifiers"] == [
                "formula": "queueLength * 2", "target": "4", "metricType": "AverageValue",
            ]
        )
        let behavior = spec?["advanced"]?["horizontalPodAutoscalerConfig"]?["behavior"]
        #expect(behavior?["scaleUp"]?["policies"]?.elements?.count == 2)
        #expect(behavior?["scaleDown"]?["stabilizationWindowSeconds"]?.integer == 300)
    }

    @Test("a cooldown that is really absent is 300 s")
    func cooldown() throws {
        var actor = self.actor
        actor.spec.scaling.cooldownPeriod = nil
        let object = try DesiredScaling(Samples.input(actor, try Samples.rabbitMQ())).scaledObject.body
        #expect(object["spec"]?["cooldownPeriod"]?.integer == 300)
    }

    private var actor: AsyncActor { Samples.actor { $0.spec.scaling.enabled = true } }

    private func trigger(_ transport: TransportDefinition) throws -> JSONValue {
        let object = try DesiredScaling(Samples.input(self.actor, transport)).scaledObject.body
        return try #require(object["spec"]?["triggers"]?.elements?.first)
    }
}
