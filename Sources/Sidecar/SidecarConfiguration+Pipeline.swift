import Traces

/// What the pipeline is told of the configuration.
extension SidecarConfiguration {
    /// Window for handlers that are fast (`sidecar.md` 4.5).
    private static let wideRabbitMQWindow = 16
    private static let wideSQSWindow = 10
    /// With handlers of 1.5 ms and less: enough for 4,000 messages/s at a round trip of 10 ms, which four long polls
    /// of ten messages bring.
    private static let widestSQSWindow = 128
    /// A transaction costs nearly the same for one message as for many.
    private static let wideEmbeddedWindow = 32

    var rules: ActorRules {
        ActorRules(
            ownName: self.actorName,
            happyEnd: self.happyEnd,
            errorEnd: self.errorEnd,
            isEndActor: self.isEndActor,
            enforcesDeadline: self.enforcesDeadline
        )
    }

    var limits: Pipeline.Limits {
        Pipeline.Limits(
            runtimeTimeout: self.runtimeTimeout,
            heldByteLimit: self.maxInFlightByteCount,
            maxDeliveries: self.maxDeliveries
        )
    }

    var window: AdmissionWindow {
        switch self.transport {
        case .rabbitmq: AdmissionWindow(pinned: self.rabbitMQSettings.prefetch, wide: Self.wideRabbitMQWindow)
        case .sqs:
            AdmissionWindow(
                pinned: self.sqsSettings.maxMessages,
                wide: Self.wideSQSWindow,
                widest: Self.widestSQSWindow
            )
        case .embedded: AdmissionWindow(pinned: self.embeddedSettings.prefetch, wide: Self.wideEmbeddedWindow)
        }
    }
}

extension HopTracer {
    init(_ configuration: SidecarConfiguration, export: @escaping ([Span]) -> Void) {
        self.init(
            actorName: configuration.actorName,
            queueName: configuration.queueName,
            system: configuration.transport.rawValue,
            hasGateway: configuration.gatewayURL != nil,
            export: export
        )
    }
}
