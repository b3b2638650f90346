import ActorResource
import Support

/// ScaledObject and TriggerAuthentication of an actor that KEDA scales (operator.md 13). Pure.
struct DesiredScaling: Equatable, Sendable {
    static let generationAnnotation = "asya.sh/source-generation"
    /// KEDA formulas refer to the trigger by this name.
    static let triggerName = "queueLength"

    /// Name of the TriggerAuthentication.
    static func authenticationName(actor: String) -> String { "\(actor)-trigger-auth" }

    var scaledObject: DesiredObject
    var triggerAuthentication: DesiredObject?

    init(_ input: DesiredInput) throws(DesiredStateError) {
        let scaling = input.actor.spec.scaling
        let trigger: JSONValue
        do {
            trigger = try Self.trigger(input)
        } catch {
            throw DesiredStateError(description: "failed to build KEDA triggers: \(error)")
        }
        let cooldown = scaling.cooldownPeriod ?? 0
        let fallbackCooldown = AsyncActor.Scaling.cooldownWithoutSchema
        self.scaledObject = DesiredObject(
            .scaledObject,
            name: input.actor.name,
            owner: input.owner,
            annotations: [Self.generationAnnotation: String(input.actor.metadata.generation ?? 0)],
            members: [
                "spec": [
                    "scaleTargetRef": ["name": .string(input.actor.name)],
                    "minReplicaCount": .integer(scaling.minReplicas),
                    "maxReplicaCount": .integer(scaling.maxReplicas),
                    "pollingInterval": .integer(scaling.pollingInterval > 0 ? scaling.pollingInterval : 10),
                    "cooldownPeriod": .integer(cooldown > 0 ? cooldown : fallbackCooldown),
                    "triggers": [trigger],
                    "advanced": Self.advanced(scaling.advanced),
                ]
            ]
        )
        self.triggerAuthentication = Self.authentication(input)
    }

    private static func trigger(_ input: DesiredInput) throws(DesiredStateError) -> JSONValue {
        let length = input.actor.spec.scaling.queueLength
        let queueName = input.transport.queueName(actor: input.actor.name)
        let text = String(length > 0 ? length : 5)
        var trigger: JSONValue = ["name": .string(self.triggerName)]
        switch input.transport.broker {
        case .rabbitMQ(let settings):
            trigger.set("type", "rabbitmq")
            trigger.set("metadata", .strings(try self.metadata(settings, input, queueName: queueName, length: text)))
        case .sqs(let settings):
            trigger.set("type", "aws-sqs-queue")
            trigger.set("metadata", .strings(try self.metadata(settings, queueName: queueName, length: text)))
        }
        if self.needsAuthentication(input.transport) {
            trigger.set("authenticationRef", ["name": .string(self.authenticationName(actor: input.actor.name))])
        }
        return trigger
    }

    private static func metadata(
        _ settings: RabbitMQSettings,
        _ input: DesiredInput,
        queueName: String,
        length: String
    ) throws(DesiredStateError) -> [String: String] {
        func missing(_ field: String) -> DesiredStateError {
            DesiredStateError(description: "RabbitMQ \(field) is required in operator transport config")
        }
        guard !settings.host.isEmpty else { throw missing("host") }
        guard let port = settings.port else { throw missing("port") }
        guard let user = settings.username else { throw missing("username") }
        // With a password the name comes from the same Secret, unless that lacks it.
        let login = settings.password == nil || !input.secretHasUsername ? "\(URLText.escaped(user))@" : ""
        var metadata = ["queueName": queueName, "mode": "QueueLength", "value": length]
        if let managementPort = settings.managementPort {
            // Counts messages that are being worked on too, so that KEDA does not take busy pods away.
            let scheme = settings.isTLS ? "https" : "http"
            let virtualHost = settings.virtualHost == "/" ? "%2F" : URLText.escaped(settings.virtualHost)
            metadata["protocol"] = "http"
            metadata["host"] = "\(scheme)://\(login)\(settings.host):\(managementPort)/\(virtualHost)"
        } else {
            let path = settings.virtualHost == "/" ? "" : "/\(URLText.escaped(settings.virtualHost))"
            metadata["protocol"] = "amqp"
            metadata["host"] = "\(settings.isTLS ? "amqps" : "amqp")://\(login)\(settings.host):\(port)\(path)"
        }
        return metadata
    }

    private static func metadata(
        _ settings: SQSSettings,
        queueName: String,
        length: String
    ) throws(DesiredStateError) -> [String: String] {
        func missing(_ field: String) -> DesiredStateError {
            DesiredStateError(description: "SQS \(field) is required in operator transport config")
        }
        guard !settings.region.isEmpty else { throw missing("region") }
        guard !settings.accountID.isEmpty else { throw missing("accountId") }
        var metadata = ["queueLength": length, "awsRegion": settings.region, "scaleOnInFlight": "true"]
        if settings.endpoint.isEmpty {
            metadata["queueURL"] = "https://sqs.\(settings.region).amazonaws.com/\(settings.accountID)/\(queueName)"
        } else {
            metadata["queueURL"] = "\(settings.endpoint)/\(settings.accountID)/\(queueName)"
            metadata["awsEndpoint"] = settings.endpoint
        }
        if !settings.hasCredentials { metadata["identityOwner"] = "pod" }
        return metadata
    }

    private static func needsAuthentication(_ transport: TransportDefinition) -> Bool {
        switch transport.broker {
        case .rabbitMQ(let settings): settings.password != nil
        case .sqs: true
        }
    }

    private static func authentication(_ input: DesiredInput) -> DesiredObject? {
        guard self.needsAuthentication(input.transport) else { return nil }
        func target(_ parameter: String, _ secret: String, _ key: String) -> JSONValue {
            ["parameter": .string(parameter), "name": .string(secret), "key": .string(key)]
        }
        var spec: JSONValue = .object([:])
        switch input.transport.broker {
        case .rabbitMQ(let settings):
            guard let password = settings.password else { return nil }
            var targets = [target("password", password.name, password.key)]
            if input.secretHasUsername { targets.insert(target("username", password.name, "username"), at: 0) }
            spec.set("secretTargetRef", .array(targets))
        case .sqs(let settings) where settings.hasCredentials:
            var targets: [JSONValue] = []
            if let key = settings.accessKeyID { targets.append(target("awsAccessKeyID", key.name, key.key)) }
            if let key = settings.secretAccessKey { targets.append(target("awsSecretAccessKey", key.name, key.key)) }
            spec.set("secretTargetRef", .array(targets))
        case .sqs: spec.set("podIdentity", ["provider": "aws"])
        }
        return DesiredObject(
            .triggerAuthentication,
            name: self.authenticationName(actor: input.actor.name),
            owner: input.owner,
            members: ["spec": spec]
        )
    }

    private static func advanced(_ advanced: AsyncActor.Advanced?) -> JSONValue {
        func policy(_ type: String, _ value: Int) -> JSONValue {
            ["type": .string(type), "value": .integer(value), "periodSeconds": 60]
        }
        var result: JSONValue = [
            "horizontalPodAutoscalerConfig": [
                "behavior": [
                    "scaleDown": [
                        "stabilizationWindowSeconds": 300, "selectPolicy": "Max", "policies": [policy("Pods", 1)],
                    ],
                    "scaleUp": [
                        "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
                        "policies": [policy("Pods", 10), policy("Percent", 100)],
                    ],
                ]
            ]
        ]
        guard let advanced else { return result }
        if let restores = advanced.restoreToOriginalReplicaCount {
            result.set("restoreToOriginalReplicaCount", .bool(restores))
        }
        var modifiers: [String: JSONValue] = [:]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { modifiers[name] = .string(value) }
        }
        add("formula", advanced.formula)
        add("target", advanced.target)
        add("activationTarget", advanced.activationTarget)
        if let type = advanced.metricType, !type.isEmpty {
            let isKnown = ["AverageValue", "Value", "Utilization"].contains(type)
            modifiers["metricType"] = .string(isKnown ? type : "AverageValue")
        }
        if !modifiers.isEmpty { result.set("scalingModifiers", .object(modifiers)) }
        return result
    }
}
