/// What a queue does with messages that keep failing.
public struct QueueLimits: Hashable, Sendable {
    /// Deliveries of a message before it is moved away; 0 = unlimited.
    public var maxRetryCount: Int
    /// Where it goes then; without one it stays, whatever `maxRetryCount` says.
    public var deadLetterQueue: String?

    /// Unlimited unless said otherwise.
    public init(maxRetryCount: Int = 0, deadLetterQueue: String? = nil) {
        self.maxRetryCount = maxRetryCount
        self.deadLetterQueue = deadLetterQueue
    }
}

/// A message to be put into a queue.
public struct Publication: Sendable {
    /// Full name of the queue, for instance `asya-infer`.
    public var queueName: String
    /// The envelope's id, for `trace`; may be empty.
    public var envelopeID: String
    /// The envelope's bytes.
    public var body: [UInt8]
    /// Whether this is a message that was given up on: it then remembers the queue it came from, for `redrive`.
    public var isDeadLetter: Bool

    /// A message for `queueName`.
    public init(queueName: String, envelopeID: String, body: [UInt8], isDeadLetter: Bool = false) {
        self.queueName = queueName
        self.envelopeID = envelopeID
        self.body = body
        self.isDeadLetter = isDeadLetter
    }
}

/// The right to settle one claimed message, until `end` or for as long as nobody else claims it. A value of the
/// store: keep it, hand it back, look at nothing but `end`.
public struct Lease: Hashable, Sendable {
    let queueID: Int64
    let messageID: Int64
    let token: Int64
    let attempt: Int
    let claimedAt: Int64
    let enqueuedAt: Int64
    let envelopeID: String
    /// Microseconds since 1970; then the message is visible again.
    public internal(set) var end: Int64
}

/// A message that was claimed: visible to nobody else until its lease ends.
public struct ClaimedMessage: Sendable {
    /// What settles it.
    public let lease: Lease
    /// The envelope's id as it was given to `Publication`.
    public let envelopeID: String
    /// The envelope's bytes.
    public let body: [UInt8]
    /// Which delivery this is, from 1.
    public let attempt: Int
    /// Microseconds since 1970.
    public let enqueuedAt: Int64
}

/// Everything a consumer has to tell the store, in one transaction, in this order.
public struct QueueTransaction: Sendable {
    /// The results of one delivery and its acknowledgement: stored together or not at all. Each hop stands for itself;
    /// one whose destination is missing changes nothing and does not disturb the others.
    public struct Hop: Sendable {
        /// The delivery.
        public var lease: Lease
        /// What follows from it.
        public var publications: [Publication]

        /// The results of `lease`.
        public init(lease: Lease, publications: [Publication]) {
            self.lease = lease
            self.publications = publications
        }
    }

    /// A message given back.
    public struct Release: Sendable {
        /// The delivery.
        public var lease: Lease
        /// How long the message stays hidden.
        public var delay: Duration
        /// False when the handler never saw the message: this delivery then does not count against `maxRetryCount`.
        public var countsDelivery: Bool

        /// Gives `lease` back.
        public init(lease: Lease, delay: Duration = .zero, countsDelivery: Bool = true) {
            self.lease = lease
            self.delay = delay
            self.countsDelivery = countsDelivery
        }
    }

    /// A lease to be lengthened to `visibility` from now.
    public struct Renewal: Sendable {
        /// The delivery.
        public var lease: Lease
        /// How long from now it stays hidden.
        public var visibility: Duration

        /// Lengthens `lease`.
        public init(lease: Lease, visibility: Duration) {
            self.lease = lease
            self.visibility = visibility
        }
    }

    /// A wish for messages.
    public struct Claim: Sendable {
        /// From where.
        public var queueName: String
        /// At most so many.
        public var messageCount: Int
        /// Bytes of bodies after which no further message is taken; the first is taken however large it is.
        public var byteCount: Int
        /// How long they are hidden from others.
        public var visibility: Duration
        /// Whether each hop that this transaction stores makes room for one more message.
        public var replacesStoredHops = false

        /// A wish for messages of `queueName`.
        public init(queueName: String, messageCount: Int, byteCount: Int = .max, visibility: Duration) {
            self.queueName = queueName
            self.messageCount = messageCount
            self.byteCount = byteCount
            self.visibility = visibility
        }
    }

    /// Deliveries with their results.
    public var hops: [Hop] = []
    /// Deliveries without results.
    public var acknowledgements: [Lease] = []
    /// Deliveries given back.
    public var releases: [Release] = []
    /// Leases to lengthen.
    public var renewals: [Renewal] = []
    /// What to take next.
    public var claim: Claim?

    /// An empty transaction.
    public init() {}

    /// Whether there is nothing to do but perhaps to claim.
    var settlesNothing: Bool {
        self.hops.isEmpty && self.acknowledgements.isEmpty && self.releases.isEmpty && self.renewals.isEmpty
    }
}

/// What became of a `QueueTransaction`; lists are in its order.
public struct QueueTransactionResult: Sendable {
    /// What became of one hop.
    public enum HopOutcome: Equatable, Sendable {
        /// Results stored, delivery acknowledged.
        case stored
        /// Nothing of the hop was stored; the message is held as before.
        case destinationMissing(queueName: String)
        /// Somebody else has claimed the message, or it is gone. Nothing of the hop was stored.
        case leaseLost
    }

    /// One outcome per hop.
    public internal(set) var hops: [HopOutcome] = []
    /// The lengthened lease, nil where it was lost.
    public internal(set) var renewals: [Lease?] = []
    /// Whether the message was still held.
    public internal(set) var acknowledgements: [Bool] = []
    /// Whether the message was still held.
    public internal(set) var releases: [Bool] = []
    /// What was taken, in order.
    public internal(set) var claimed: [ClaimedMessage] = []
    /// False when the queue that was to be claimed from does not exist.
    public internal(set) var claimQueueExists = true
    /// Whether more messages were ready than were claimed.
    public internal(set) var isMoreReady = false
    /// Microseconds since 1970: when the next hidden message of the claimed queue becomes visible.
    public internal(set) var nextVisibleAt: Int64?
}

/// One queue as `asya queues` shows it.
public struct QueueStatistics: Hashable, Sendable {
    /// Full name.
    public let name: String
    /// As given to `createQueue`.
    public let limits: QueueLimits
    /// All messages: ready, delayed and in flight.
    public let messageCount: Int
    /// Visible now.
    public let readyCount: Int
    /// Released with a delay that is not over.
    public let delayedCount: Int
    /// Claimed, with a lease that has not ended.
    public let inFlightCount: Int
    /// How long the next ready message has been in the queue.
    public let oldestReadyAge: Duration?
    /// Messages ever put into the queue, and ever acknowledged; for rates.
    public let enqueuedTotal: Int
    /// See `enqueuedTotal`.
    public let acknowledgedTotal: Int
}

/// A message looked at without claiming it.
public struct StoredMessage: Hashable, Sendable {
    /// Where in its life a stored message is.
    public enum State: String, Sendable {
        case ready, delayed
        case inFlight = "in_flight"
    }

    /// The store's number of the message; what `message(id:)` and `redrive` take.
    public let id: Int64
    /// Where it is.
    public let queueName: String
    /// The envelope's id as it was given to `Publication`.
    public let envelopeID: String
    /// Whether it can be claimed.
    public let state: State
    /// Deliveries so far.
    public let deliveryCount: Int
    /// Microseconds since 1970.
    public let enqueuedAt: Int64
    /// When it can be claimed, or could be since.
    public let visibleAt: Int64
    /// The queue it was given up on, for a dead letter whose origin still exists.
    public let originQueueName: String?
    /// Bytes of the whole body.
    public let bodyByteCount: Int
    /// The body, or its beginning when it was asked for with a limit.
    public let body: [UInt8]
}

/// One delivery of one envelope, as `asya trace` shows it. Times are microseconds since 1970.
public struct HopRecord: Hashable, Sendable {
    /// How a delivery ended, or that it has not.
    public enum Outcome: Int, Sendable {
        /// Done; what followed from it was stored in the same moment.
        case acknowledged = 1
        /// Given back for another delivery.
        case released = 2
        /// Moved to the dead-letter queue.
        case deadLettered = 3
        /// The holder fell silent; the message was claimed again.
        case leaseEnded = 4
        /// Deleted by `purge`.
        case purged = 5
        /// Not settled: waiting in the queue, or in somebody's hands.
        case waiting = 100
        case inFlight = 101
    }

    /// The envelope.
    public let envelopeID: String
    /// The queue; empty when it was deleted since.
    public let queueName: String
    /// When the message was put there.
    public let enqueuedAt: Int64
    /// Nil when it has not been claimed.
    public let claimedAt: Int64?
    /// Nil for `waiting` and `inFlight`.
    public let settledAt: Int64?
    /// From 1; 0 when it has not been claimed.
    public let attempt: Int
    /// How it ended.
    public let outcome: Outcome
}
