import AWS

/// What the SQS transport has to know (`sidecar.md` sections 2 and 7).
struct SQSSettings {
    /// Full name of the own queue.
    var queueName: String
    /// Where requests go.
    var endpoint: ServiceEndpoint
    /// Whether queue URLs are moved to that endpoint: when a variable names it, since a service behind another name
    /// answers with its own.
    var movesQueueURLs: Bool
    var region: String
    /// How long a received message stays hidden, in seconds.
    var visibilitySeconds: Int
    /// Seconds of one long poll.
    var waitSeconds: Int
    /// What the service takes; `ASYA_SQS_MAX_MESSAGE_BYTES`.
    var limits = SQSLimits()
    /// `ASYA_QUEUE_RETRY_MAX_ATTEMPTS`, for a missing own queue.
    var queueAttempts: Int
    /// `ASYA_QUEUE_RETRY_BACKOFF`.
    var queueBackoff: Duration

    /// The service's limit of all time that a message is hidden from one receive on: 12 hours.
    static let maximumHold = Duration.seconds(43_200)
}
