/// The seam between the pipeline and a queue system; a new broker is one folder that implements it.
///
/// Everything happens on the loop thread. Calls never block; outcomes arrive through `TransportEvents`. Publications
/// and settlements are collected and leave together in `flush()`, once per loop turn.
protocol Transport: AnyObject {
    /// Not owned; outlives the transport. (Weak would move its reference count to a slow side table.)
    var events: (any TransportEvents)? { get set }

    /// Connects and consumes. Ends in `transportStarted` or, when the attempts of `sidecar.md` section 3 are used up,
    /// in `transportFailedToStart`. Consuming begins with `startReceiving`.
    func start()

    /// Subscribes to the actor's queue, and again by itself after every loss, until `stopReceiving`.
    func startReceiving(window: Int)

    /// Our limit of unsettled deliveries (the broker's prefetch); may change at any time.
    func setWindow(_ messageCount: Int)

    /// Back-pressure by bytes: while paused no delivery is reported, not even one that has been read already.
    /// Confirms and heartbeats go on.
    func setPaused(_ isPaused: Bool)

    /// Ends the subscription for good (shutdown). Deliveries on their way are released by the transport itself.
    func stopReceiving()

    /// Whether a publication would leave now: connected, not blocked by the broker, output not congested.
    /// Changes are announced by `publishingAvailabilityChanged`.
    var canPublish: Bool { get }

    /// Publishes one envelope. The bytes are taken over before the call returns. Exactly one
    /// `publicationSettled` with this token follows, never from inside this call.
    ///
    /// - Parameter messageID: the envelope's id, decoded; may be empty.
    func publish(_ body: PieceList, to destination: Destination, messageID: UnsafeRawBufferPointer, token: UInt64)

    /// Done with this delivery. Ignored when its connection is gone (the broker delivers it again).
    func acknowledge(_ receipt: Receipt)

    /// Gives the delivery back to the queue now. Ignored when its connection is gone.
    func release(_ receipt: Receipt)

    /// Sends what was collected during this loop turn.
    func flush()

    /// Flushes, closes in an orderly way and reports `transportClosed`, at the latest after `limit`.
    func close(limit: Duration)

    /// For `/ready` and the gauge `transport_connected`.
    var isConnected: Bool { get }
}

/// What a transport tells the pipeline.
protocol TransportEvents: AnyObject {
    func transportStarted()
    /// `reason` is fit for a log line and holds no credentials.
    func transportFailedToStart(reason: String)
    func received(_ message: ReceivedMessage)
    func publicationSettled(token: UInt64, outcome: PublicationOutcome)
    /// Deliveries of this generation and older ones can no longer be settled: the broker has put them back.
    func deliveriesForgotten(upToGeneration generation: UInt32)
    func publishingAvailabilityChanged()
    func transportClosed()
}

/// A transport's own identity of a delivery. Means nothing outside its transport.
struct Receipt: Equatable {
    /// Which connection it came from; a settlement for an older one is dropped.
    var generation: UInt32
    var tag: UInt64
}

/// One delivery as it comes from the queue.
struct ReceivedMessage {
    var body: ByteSlice
    var receipt: Receipt
    /// How often the message has been delivered before, when the transport knows.
    var previousDeliveries: Int?
    var isRedelivered: Bool
}

/// The broker's answer to a publication.
enum PublicationOutcome: Equatable {
    case accepted
    case refused(PublicationFailure)
}

/// Why a publication was not accepted; decides how it is retried (`sidecar.md` 5.3).
enum PublicationFailure: Equatable {
    /// No such queue.
    case destinationMissing
    /// The broker will never take a message of this size.
    case tooLarge
    /// The broker refused it this time (nack, throttling, its own fault).
    case refusedByBroker
    /// The connection was lost before the answer: the message may have been accepted.
    case connectionLost
}

/// Where an envelope can be published: one object per queue, made once and kept.
final class Destination {
    /// Full name, for instance `asya-infer`.
    let queueName: String
    /// Name without the `asya-` prefix; the routing key on RabbitMQ.
    let actorName: String
    /// True for a dead-letter queue, which is addressed by its full name directly.
    let isDirect: Bool
    /// Whatever the transport prepared for this destination (header bytes, a queue URL).
    var prepared: AnyObject?

    init(actorName: String) {
        self.actorName = actorName
        self.queueName = Destination.queueNamePrefix + actorName
        self.isDirect = false
    }

    /// A queue that is addressed by its own name.
    init(directQueueName: String) {
        self.actorName = directQueueName
        self.queueName = directQueueName
        self.isDirect = true
    }

    /// `envelope.md` section 4.
    static let queueNamePrefix = "asya-"
}
