/// What the pipeline is told of the configuration.
extension SidecarConfiguration {
    /// Window for handlers that are fast (`sidecar.md` 4.5).
    private static let wideRabbitMQWindow = 16
    private static let wideSQSWindow = 10

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
        case .sqs: AdmissionWindow(pinned: self.sqsSettings.maxMessages, wide: Self.wideSQSWindow)
        }
    }
}
