import ActorResource
import Support

/// The sidecar's variables in the order of operator.md 7.1.
enum SidecarEnvironment {
    static let happyEnd = "happy-end"
    static let errorEnd = "error-end"

    /// Whether an actor is one of the two that end every route.
    static func isEndActor(_ name: String) -> Bool { name == self.happyEnd || name == self.errorEnd }

    /// All variables; the user's come last and win.
    static func variables(_ input: DesiredInput) -> [JSONValue] {
        let actor = input.actor
        let gatewayURL =
            input.settings.gatewayURL.isEmpty
            ? actor.runtimeContainer?.literal("ASYA_GATEWAY_URL") ?? "" : input.settings.gatewayURL
        var variables: [JSONValue] = [
            self.literal("ASYA_LOG_LEVEL", "info"),
            self.literal("ASYA_GATEWAY_URL", gatewayURL),
            self.literal("ASYA_ACTOR_NAME", actor.name),
            self.literal("ASYA_ACTOR_HAPPY_END", self.happyEnd),
            self.literal("ASYA_ACTOR_ERROR_END", self.errorEnd),
        ]
        if self.isEndActor(actor.name) { variables.append(self.literal("ASYA_IS_END_ACTOR", "true")) }
        if actor.spec.timeout.processing > 0 {
            variables.append(self.literal("ASYA_RUNTIME_TIMEOUT", "\(actor.spec.timeout.processing)s"))
        }
        variables.append(self.literal("ASYA_TRANSPORT", input.transport.type))
        switch input.transport.broker {
        case .rabbitMQ(let settings): variables += self.rabbitMQ(settings, input.transport, actor: actor.name)
        case .sqs(let settings): variables += self.sqs(settings)
        }
        variables.append(self.literal("ASYA_SOCKET_DIR", DesiredDeployment.socketDirectory))
        variables += actor.spec.sidecar.env.map(\.json)
        return self.deduplicated(variables)
    }

    /// Each name once, at its first position with its last value: Kubernetes lets the last one win, but server-side
    /// apply refuses repeated names (operator.md 19.3).
    static func deduplicated(_ variables: [JSONValue]) -> [JSONValue] {
        var positions: [String: Int] = [:]
        var result: [JSONValue] = []
        for variable in variables {
            guard let name = variable["name"]?.string else {
                result.append(variable)  // The API server says what is wrong with it.
                continue
            }
            if let position = positions[name] {
                result[position] = variable
            } else {
                positions[name] = result.count
                result.append(variable)
            }
        }
        return result
    }

    private static func rabbitMQ(
        _ settings: RabbitMQSettings,
        _ transport: TransportDefinition,
        actor: String
    ) -> [JSONValue] {
        let queues = transport.queues
        var variables = [
            self.literal("ASYA_RABBITMQ_HOST", settings.host),
            self.literal("ASYA_RABBITMQ_PORT", String(settings.port ?? RabbitMQSettings.defaultPort)),
            self.literal("ASYA_RABBITMQ_USERNAME", settings.username ?? RabbitMQSettings.defaultUser),
        ]
        if let password = settings.password { variables.append(self.secret("ASYA_RABBITMQ_PASSWORD", password)) }
        variables.append(self.literal("ASYA_RABBITMQ_EXCHANGE", settings.exchange))
        variables.append(self.literal("ASYA_QUEUE_AUTO_CREATE", queues.createsQueues ? "true" : "false"))
        if queues.hasDeadLetterQueue {
            variables.append(self.literal("ASYA_QUEUE_MAX_DELIVERIES", String(queues.maxRetryCount)))
            let queueName = transport.queueName(actor: actor)
            variables.append(self.literal("ASYA_QUEUE_DLQ", queueName + QueueTopology.deadLetterSuffix))
        }
        return variables
    }

    private static func sqs(_ settings: SQSSettings) -> [JSONValue] {
        var variables: [JSONValue] = []
        if !settings.region.isEmpty { variables.append(self.literal("ASYA_AWS_REGION", settings.region)) }
        if !settings.endpoint.isEmpty { variables.append(self.literal("ASYA_SQS_ENDPOINT", settings.endpoint)) }
        if settings.visibilityTimeout > 0 {
            variables.append(self.literal("ASYA_SQS_VISIBILITY_TIMEOUT", String(settings.visibilityTimeout)))
        }
        if settings.waitTimeSeconds > 0 {
            variables.append(self.literal("ASYA_SQS_WAIT_TIME_SECONDS", String(settings.waitTimeSeconds)))
        }
        if let key = settings.accessKeyID { variables.append(self.secret("AWS_ACCESS_KEY_ID", key)) }
        if let secret = settings.secretAccessKey { variables.append(self.secret("AWS_SECRET_ACCESS_KEY", secret)) }
        return variables
    }

    static func literal(_ name: String, _ value: String) -> JSONValue {
        ["name": .string(name), "value": .string(value)]
    }

    private static func secret(_ name: String, _ reference: SecretReference) -> JSONValue {
        ["name": .string(name), "valueFrom": ["secretKeyRef": reference.json]]
    }
}
