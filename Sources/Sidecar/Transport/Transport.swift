package import Traces

/// The seam between the pipeline and a queue system; a new broker is one folder that implements it.
///
/// Everything happens on the loop thread. Calls never block; outcomes arrive through `TransportEvents`. Publications
/// and settlements are collected and leave together in `flush()`, once per loop turn.
package protocol Transport: AnyObject {
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
    /// - Parameters:
    ///   - messageID: the envelope's id, decoded; may be empty.
    ///   - trace: the trace that the envelope belongs to; nil when it has none or when `carriesTraces` is false.
    ///   - hop: the delivery this envelope is derived from. When `groupsHops` is set, all publications of a hop are
    ///     handed over between two `flush()` calls, the first time and at every retry.
    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        trace: TraceHeaders?,
        token: UInt64,
        hop: Hop
    )

    /// Whether messages carry their trace beside the body too, for whoever does not read envelopes. If not, nobody looks
    /// for it in the headers.
    var carriesTraces: Bool { get }

    /// Whether the transport stores the publications of a hop and acknowledges its delivery in one transaction. Then
    /// all of them are answered together and alike, and the `acknowledge` that follows their acceptance changes
    /// nothing any more. A refusal has stored nothing and left the delivery as it was.
    var groupsHops: Bool { get }

    /// Done with this delivery. Ignored when its connection is gone (the broker delivers it again).
    func acknowledge(_ receipt: Receipt)

    /// Whether `release` can hide a message for a while. If not, the pipeline keeps the delivery during its back-off.
    var canDelayRelease: Bool { get }

    /// Whether the queue itself moves a message away after too many deliveries (a redrive policy): the last release
    /// then needs no back-off.
    var deadLettersByItself: Bool { get }

    /// Gives the delivery back to the queue, where it becomes visible after `delay`; always zero unless
    /// `canDelayRelease`. Ignored when its connection is gone.
    func release(_ receipt: Receipt, after delay: Duration)

    /// Whether held deliveries can still come to their end: false once a handler hangs or the runtime is given up
    /// (not while it is waited for). A transport with visibility leases then renews none, so that another sidecar has
    /// the messages as soon as possible.
    func setRuntimeAlive(_ isAlive: Bool)

    /// Sends what was collected during this loop turn.
    func flush()

    /// Flushes, closes in an orderly way and reports `transportClosed`, at the latest after `limit`.
    func close(limit: Duration)

    /// For `/ready` and the gauge `transport_connected`.
    var isConnected: Bool { get }
}

/// What a transport tells the pipeline.
package protocol TransportEvents: AnyObject {
    func transportStarted()
    /// The transport cannot work, and trying again will not help: it has used up its attempts, or (also later) what it
    /// stands on is broken. `reason` is fit for a log line and holds no credentials.
    func transportFailedToStart(reason: String)
    func received(_ message: ReceivedMessage)
    func publicationSettled(token: UInt64, outcome: PublicationOutcome)
    /// Deliveries of this generation and older ones can no longer be settled: the broker has put them back.
    func deliveriesForgotten(upToGeneration generation: UInt32)
    /// This delivery can no longer be settled: its lease has ended, somebody else has the message or will have it.
    func deliveryForgotten(_ receipt: Receipt)
    func publishingAvailabilityChanged()
    func transportClosed()
}

/// A transport's own identity of a delivery. Means nothing outside its transport.
package struct Receipt: Equatable {
    /// Which connection it came from; a settlement for an older one is dropped.
    package var generation: UInt32
    package var tag: UInt64

    package init(generation: UInt32, tag: UInt64) {
        self.generation = generation
        self.tag = tag
    }
}

/// On behalf of which delivery an envelope is published.
package struct Hop: Equatable {
    package var receipt: Receipt
    /// How many envelopes are derived from the delivery, this one included.
    package var publicationCount: Int

    package init(receipt: Receipt, publicationCount: Int) {
        self.receipt = receipt
        self.publicationCount = publicationCount
    }
}

/// One delivery as it comes from the queue.
package struct ReceivedMessage {
    package var body: ByteSlice
    package var receipt: Receipt
    /// How often the message has been delivered before, when the transport knows.
    package var previousDeliveries: Int?
    package var isRedelivered: Bool
    /// The trace that the queue system carried beside the body.
    package var trace: TraceHeaders?

    package init(
        body: ByteSlice,
        receipt: Receipt,
        previousDeliveries: Int?,
        isRedelivered: Bool,
        trace: TraceHeaders? = nil
    ) {
        self.body = body
        self.receipt = receipt
        self.previousDeliveries = previousDeliveries
        self.isRedelivered = isRedelivered
        self.trace = trace
    }
}

/// The broker's answer to a publication.
package enum PublicationOutcome: Equatable {
    case accepted
    case refused(PublicationFailure)
}

/// Why a publication was not accepted; decides how it is retried (`sidecar.md` 5.3).
package enum PublicationFailure: Equatable {
    /// No such queue.
    case destinationMissing
    /// The broker will never take a message of this size.
    case tooLarge
    /// The message has characters that the queue system does not carry.
    case notCarried
    /// The broker refused it this time (nack, throttling, its own fault).
    case refusedByBroker
    /// The connection was lost before the answer: the message may have been accepted.
    case connectionLost
    /// The delivery it was derived from is no longer ours, so nothing was stored (`groupsHops`).
    case deliveryLost
}

/// Where an envelope can be published: one object per queue, made once and kept.
package final class Destination {
    /// Full name, for instance `asya-infer`.
    package let queueName: String
    /// Name without the `asya-` prefix; the routing key on RabbitMQ.
    package let actorName: String
    /// True for a dead-letter queue, which is addressed by its full name directly.
    package let isDirect: Bool
    /// Whatever the transport prepared for this destination (header bytes, a queue URL).
    package var prepared: AnyObject?

    package init(actorName: String) {
        self.actorName = actorName
        self.queueName = Destination.queueNamePrefix + actorName
        self.isDirect = false
    }

    /// A queue that is addressed by its own name.
    package init(directQueueName: String) {
        self.actorName = directQueueName
        self.queueName = directQueueName
        self.isDirect = true
    }

    /// `envelope.md` section 4.
    package static let queueNamePrefix = "asya-"
}
