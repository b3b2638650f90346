import LocalQueue
import Logging
import Support
import Traces

extension SidecarConfiguration {
    /// Every variable, for documentation.
    static var variableRows: [EnvironmentVariableRow] { Variables.rows }

    /// The table of the sidecar's variables (`sidecar.md` section 2): one row each, from which the reader works and
    /// the documentation is made.
    enum Variables {
        /// Limit of an AMQP prefetch count.
        private static let largestPrefetch = 65_535
        /// More messages than this in one receive call are not possible on SQS.
        private static let largestBatch = 10

        static let actorName = EnvironmentVariable.string(
            "ASYA_ACTOR_NAME",
            default: "",
            text: "Name of the actor; required."
        )
        static let transport = EnvironmentVariable<String>(
            name: "ASYA_TRANSPORT",
            default: "rabbitmq",
            defaultText: "rabbitmq",
            format: "`rabbitmq`, `sqs` or `embedded`",
            text: "Queue system."
        ) { .value($0) }
        static let logLevel = Logger.Level.variable
        static let socketDirectory = EnvironmentVariable.string(
            "ASYA_SOCKET_DIR",
            default: "/var/run/asya",
            text: "Directory of the runtime's socket `asya-runtime.sock` and of its file `runtime-ready`."
        )
        static let runtimeTimeout = EnvironmentVariable.duration(
            // Not above zero is an error of its own, not a reason for the default.
            "ASYA_RUNTIME_TIMEOUT",
            default: .seconds(300),
            atLeast: nil,
            text: "Limit of one runtime call; must be greater than 0."
        )
        static let runtimeReadyTimeout = EnvironmentVariable.duration(
            "ASYA_RUNTIME_READY_TIMEOUT",
            default: .seconds(300),
            text: "How long the runtime may take to start, or to come back."
        )
        static let happyEnd = EnvironmentVariable.string(
            "ASYA_ACTOR_HAPPY_END",
            default: "happy-end",
            text: "Actor that receives finished envelopes."
        )
        static let errorEnd = EnvironmentVariable.string(
            "ASYA_ACTOR_ERROR_END",
            default: "error-end",
            text: "Actor that receives failed envelopes."
        )
        static let isEndActor = EnvironmentVariable.boolean(
            "ASYA_IS_END_ACTOR",
            default: false,
            text: "Consume only: nothing is published."
        )
        static let gatewayURL = EnvironmentVariable.optionalString(
            "ASYA_GATEWAY_URL",
            text: "Base URL of the gateway; unset = no progress reports."
        )
        static let rabbitMQURL = EnvironmentVariable.optionalString(
            "ASYA_RABBITMQ_URL",
            text: "Connection URL; wins over host, port, user and password."
        )
        static let rabbitMQHost = EnvironmentVariable.string(
            "ASYA_RABBITMQ_HOST",
            default: "localhost",
            text: "Host of the broker."
        )
        static let rabbitMQPort = EnvironmentVariable.integer(
            "ASYA_RABBITMQ_PORT",
            default: 5672,
            in: 1...65_535,
            text: "Port of the broker."
        )
        static let rabbitMQUsername = EnvironmentVariable.string(
            "ASYA_RABBITMQ_USERNAME",
            default: "guest",
            text: "User name."
        )
        static let rabbitMQPassword = EnvironmentVariable.string(
            "ASYA_RABBITMQ_PASSWORD",
            default: "guest",
            text: "Password."
        )
        static let rabbitMQExchange = EnvironmentVariable.string(
            "ASYA_RABBITMQ_EXCHANGE",
            default: "asya",
            text: "Topic exchange envelopes are published to."
        )
        static let rabbitMQPrefetch = EnvironmentVariable.optionalInteger(
            "ASYA_RABBITMQ_PREFETCH",
            in: 1...largestPrefetch,
            unsetText: "adaptive",
            text: "Pins the number of messages held at a time."
        )
        static let sqsEndpoint = EnvironmentVariable.optionalString(
            "ASYA_SQS_ENDPOINT",
            text: "Base endpoint, for instance a local emulator."
        )
        static let awsSQSEndpoint = EnvironmentVariable.optionalString(
            "AWS_ENDPOINT_URL_SQS",
            text: "The same, as AWS's own tools know it; `ASYA_SQS_ENDPOINT` wins."
        )
        static let awsEndpoint = EnvironmentVariable.optionalString(
            "AWS_ENDPOINT_URL",
            text: "Base endpoint of every AWS service; the two above win."
        )
        static let awsCABundle = EnvironmentVariable.optionalString(
            "AWS_CA_BUNDLE",
            text: "PEM file of the authorities to trust on SQS instead of the system's."
        )
        static let awsRegion = EnvironmentVariable.string(
            "ASYA_AWS_REGION",
            default: "us-east-1",
            text: "Region of the queues."
        )
        static let sqsVisibilityTimeout = EnvironmentVariable.integer(
            "ASYA_SQS_VISIBILITY_TIMEOUT",
            default: 0,
            in: 0...43_200,
            outside: .clamp,
            text: "Seconds; 0 = twice `ASYA_RUNTIME_TIMEOUT`."
        )
        static let sqsWaitTime = EnvironmentVariable.integer(
            "ASYA_SQS_WAIT_TIME_SECONDS",
            default: 20,
            in: 0...20,
            outside: .clamp,
            text: "Seconds of one long poll; 0 means 20 too."
        )
        static let sqsMaxMessages = EnvironmentVariable.optionalInteger(
            "ASYA_SQS_MAX_MESSAGES",
            in: 1...largestBatch,
            unsetText: "adaptive",
            text: "Pins the number of messages held at a time."
        )
        static let sqsMaxMessageBytes = EnvironmentVariable.integer(
            "ASYA_SQS_MAX_MESSAGE_BYTES",
            default: 1_048_576,
            in: 1024...1_048_576,
            outside: .clamp,
            text: "Largest message sent. AWS takes 1 MiB since August 2025 and took 262144 before; a lower limit of a "
                + "queue is learnt from its refusal."
        )
        static let embeddedPath = EnvironmentVariable.optionalString(
            "ASYA_EMBEDDED_PATH",
            text: "File of the queues of this machine; required with `embedded`."
        )
        static let embeddedSynchronous = EnvironmentVariable<LocalQueue.Synchronous>(
            name: "ASYA_EMBEDDED_SYNCHRONOUS",
            default: .full,
            defaultText: LocalQueue.Synchronous.full.rawValue,
            format: "`FULL` or `NORMAL`",
            text: "Whether a commit survives the loss of power or only the death of processes."
        ) { text in
            LocalQueue.Synchronous(rawValue: text).map { .value($0) } ?? .invalid(reason: "neither FULL nor NORMAL")
        }
        static let embeddedVisibilityTimeout = EnvironmentVariable.duration(
            "ASYA_EMBEDDED_VISIBILITY_TIMEOUT",
            default: .seconds(30),
            atLeast: .seconds(1),
            text: "How long a message is hidden after its sidecar has fallen silent; renewed while it is held."
        )
        static let embeddedPrefetch = EnvironmentVariable.optionalInteger(
            "ASYA_EMBEDDED_PREFETCH",
            in: 1...largestPrefetch,
            unsetText: "adaptive",
            text: "Pins the number of messages held at a time."
        )
        static let queueRetryMaxAttempts = EnvironmentVariable.integer(
            "ASYA_QUEUE_RETRY_MAX_ATTEMPTS",
            default: 10,
            in: 1...Int.max,
            text: "Attempts to find the actor's own queue before they become rare."
        )
        static let queueRetryBackoff = EnvironmentVariable.duration(
            "ASYA_QUEUE_RETRY_BACKOFF",
            default: .seconds(1),
            atLeast: .milliseconds(1),
            text: "First delay between these attempts; doubles up to 30s."
        )
        static let queueMaxDeliveries = EnvironmentVariable.integer(
            "ASYA_QUEUE_MAX_DELIVERIES",
            default: 0,
            in: 0...Int.max,
            text: "Deliveries of a message before it is dead-lettered; 0 = unlimited."
        )
        static let deadLetterQueue = EnvironmentVariable.optionalString(
            "ASYA_QUEUE_DLQ",
            text: "Full name of the queue for dead letters (RabbitMQ)."
        )
        static let metricsEnabled = EnvironmentVariable.boolean(
            "ASYA_METRICS_ENABLED",
            default: true,
            text: "Whether there is an HTTP server for metrics and health."
        )
        static let metricsAddress = EnvironmentVariable<ListenAddress>(
            name: "ASYA_METRICS_ADDR",
            default: ListenAddress(host: "", port: 8080),
            defaultText: ":8080",
            format: "`host:port`",
            text: "Where it listens; an empty host means all interfaces."
        ) { text in
            ListenAddress(parsing: text).map { .value($0) } ?? .invalid(reason: "not of the form host:port")
        }
        static let metricsNamespace = EnvironmentVariable<String>(
            name: "ASYA_METRICS_NAMESPACE",
            default: "asya_actor",
            defaultText: "asya_actor",
            format: "metric name",
            text: "Prefix of the standard metrics."
        ) { text in
            let name = CustomMetricDefinition.sanitised(text)
            return name == text ? .value(name) : .adjusted(name, note: "not a metric name, using \(name)")
        }
        static let customMetrics = EnvironmentVariable.optionalString(
            "ASYA_CUSTOM_METRICS",
            text: "JSON array of metrics that handlers may record."
        )
        static let maxInFlightByteCount = EnvironmentVariable.integer(
            "ASYA_MAX_INFLIGHT_BYTES",
            default: 16 * 1024 * 1024,
            in: 1...Int.max,
            text: "Bytes of messages held at a time; one larger message is still taken, alone."
        )
        static let shutdownTimeout = EnvironmentVariable.duration(
            "ASYA_SHUTDOWN_TIMEOUT",
            default: .seconds(25),
            text: "Limit of an orderly shutdown."
        )
        static let gatewayReadyTimeout = EnvironmentVariable.duration(
            "ASYA_GATEWAY_READY_TIMEOUT",
            default: .seconds(60),
            text: "How long the gateway may take to be there."
        )
        static let enforceDeadline = EnvironmentVariable.boolean(
            "ASYA_ENFORCE_DEADLINE",
            default: false,
            text: "Answer envelopes whose deadline has passed with an error."
        )

        /// Every row in the order of the documentation.
        static let rows: [EnvironmentVariableRow] = Self.own + TracingConfiguration.rows

        private static let own: [EnvironmentVariableRow] = [
            actorName.row, transport.row, logLevel.row, socketDirectory.row, runtimeTimeout.row,
            runtimeReadyTimeout.row, happyEnd.row, errorEnd.row, isEndActor.row, gatewayURL.row, rabbitMQURL.row,
            rabbitMQHost.row, rabbitMQPort.row, rabbitMQUsername.row, rabbitMQPassword.row, rabbitMQExchange.row,
            rabbitMQPrefetch.row, sqsEndpoint.row, awsSQSEndpoint.row, awsEndpoint.row, awsCABundle.row, awsRegion.row,
            sqsVisibilityTimeout.row, sqsWaitTime.row, sqsMaxMessages.row, sqsMaxMessageBytes.row, embeddedPath.row,
            embeddedSynchronous.row, embeddedVisibilityTimeout.row, embeddedPrefetch.row, queueRetryMaxAttempts.row,
            queueRetryBackoff.row, queueMaxDeliveries.row, deadLetterQueue.row, metricsEnabled.row, metricsAddress.row,
            metricsNamespace.row, customMetrics.row, maxInFlightByteCount.row, shutdownTimeout.row,
            gatewayReadyTimeout.row, enforceDeadline.row,
        ]
    }
}
