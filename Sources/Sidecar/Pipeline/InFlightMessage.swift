import Envelope
import Traces

/// Everything the sidecar knows of one held delivery. The objects are reused, so holding a message allocates nothing.
final class InFlightMessage {
    /// What is being published for this message.
    enum Plan {
        case none
        case elements(RuntimeReply)
        case input
        case error(ErrorEnvelope.Problem, omitsPayload: Bool)
        case deadLetter
    }

    /// Why an envelope cannot be put into a queue, however often it is tried.
    enum Obstacle {
        case tooLarge, notCarried
    }

    /// A refused publication that waits for its next attempt.
    struct Retry: Equatable {
        var element: Int
        var due: MonotonicTime
        /// Due as soon as the connection is back; the other reasons have to wait for their time.
        var waitsForConnection: Bool
    }

    /// Position in the table; half of every publication's token.
    let index: Int

    var state = MessageState()
    var body: ByteSlice
    var receipt = Receipt(generation: 0, tag: 0)
    var previousDeliveries: Int?
    /// The trace that the queue system carried beside the body.
    var carriedTrace: TraceHeaders?
    /// Nil until the message is taken up, and for a body that is no envelope.
    var view: EnvelopeView?
    var reply: ByteSlice?
    var plan = Plan.none
    /// How many envelopes the plan has.
    var publicationCount = 0
    /// Where the plan's envelope goes when it is a single one.
    var target: PublishTarget?
    /// The broker has put the delivery back: nothing may be settled any more.
    var isForgotten = false
    var isActive = false
    /// May be published as far as the gateway is concerned; kept in order behind earlier messages.
    var isReadyToPublish = false
    var receivedAt = MonotonicTime(nanoseconds: 0)
    var takenUpAt = MonotonicTime(nanoseconds: 0)
    var handedOverAt = MonotonicTime(nanoseconds: 0)
    /// When the handler began and ended with it, as far as can be told from outside.
    var callStartedAt: MonotonicTime?
    var callEndedAt: MonotonicTime?
    var publishedAt = MonotonicTime(nanoseconds: 0)
    /// How often each refused publication was tried, by element: those of a fan-out do not use up one another's
    /// attempts. Empty, so without memory of its own, as long as nothing is refused.
    var attempts: [Int: PublicationRetry] = [:]
    var retries: [Retry] = []
    /// When a held-back message is released.
    var due = MonotonicTime.distantFuture
    /// Set once a publication was refused in a way that no attempt can change.
    var obstacle: Obstacle?
    /// What `processed` counts when the message is acknowledged.
    var processedAs: SidecarMetrics.ProcessedStatus?
    /// The timeout's error envelope: the process ends when it is settled.
    var isLastBeforeCrash = false

    init(index: Int, empty: ByteSlice) {
        self.index = index
        self.body = empty
    }

    /// Whether several envelopes are made of this one.
    var isFanOut = false

    /// Bytes kept alive by this message.
    var heldByteCount: Int { self.body.count + (self.reply?.count ?? 0) }

    /// Makes the object ready for another delivery.
    func begin(_ message: ReceivedMessage) {
        self.state = MessageState()
        self.body = message.body
        self.receipt = message.receipt
        self.previousDeliveries = message.previousDeliveries
        self.carriedTrace = message.trace
    }

    /// Lets go of everything that keeps memory alive.
    func end(empty: ByteSlice) {
        self.body = empty
        self.reply = nil
        self.carriedTrace = nil
        self.view = nil
        self.plan = .none
        self.target = nil
        self.isFanOut = false
        self.publicationCount = 0
        self.callStartedAt = nil
        self.callEndedAt = nil
        self.isForgotten = false
        self.isActive = false
        self.isReadyToPublish = false
        self.obstacle = nil
        self.isLastBeforeCrash = false
        self.processedAs = nil
        self.attempts.removeAll(keepingCapacity: true)
        self.retries.removeAll(keepingCapacity: true)
        self.due = .distantFuture
    }
}

/// The held deliveries. Its size is bounded by the window; slots are made on demand and reused.
struct InFlightTable {
    private var slots: [InFlightMessage] = []
    private var free: [Int] = []
    private let empty: ByteSlice

    init(pool: SlabPool) {
        self.empty = pool.slab().slice(0..<0)
    }

    var count: Int { self.slots.count - self.free.count }

    mutating func insert(_ message: ReceivedMessage) -> InFlightMessage {
        let slot: InFlightMessage
        if let index = self.free.popLast() {
            slot = self.slots[index]
        } else {
            slot = InFlightMessage(index: self.slots.count, empty: self.empty)
            self.slots.append(slot)
        }
        slot.begin(message)
        return slot
    }

    mutating func remove(_ message: InFlightMessage) {
        message.end(empty: self.empty)
        self.free.append(message.index)
    }

    subscript(index: Int) -> InFlightMessage { self.slots[index] }

    /// The held messages; for rare events only.
    var held: [InFlightMessage] {
        var isFree = [Bool](repeating: false, count: self.slots.count)
        for index in self.free { isFree[index] = true }
        return self.slots.filter { !isFree[$0.index] }
    }
}
