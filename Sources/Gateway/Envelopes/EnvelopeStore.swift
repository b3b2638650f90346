internal import Synchronization

/// Where envelopes and their histories live. Two stores implement it, SQLite and PostgreSQL; one test body proves that
/// they behave alike.
///
/// Every call that changes something returns after the commit. Calls of many tasks at once are committed together.
public protocol EnvelopeStore: Sendable {
    /// Records a new envelope, its first history entry and that it has to be sent.
    func create(_ new: NewEnvelope) async throws -> CreationOutcome
    /// The whole envelope; nil when there is none.
    func load(_ id: String) async throws -> EnvelopeRecord?
    /// Only the moving part, however large the payload is; nil when there is none.
    func state(of id: String) async throws -> EnvelopeState?
    /// Applies an event by the rules of `EnvelopeLifeCycle`, history included, atomically.
    func apply(_ event: EnvelopeEvent, to id: String) async throws -> EventOutcome
    /// The envelope's message is in its queue. Nobody waits for this: it is committed along with the next change, soon in
    /// any case. Should it get lost, the message is sent once more with the same id; `failed` hears of that.
    func markSent(_ id: String, failed: @escaping @Sendable (any Error) -> Void)
    /// Envelopes that were recorded more than `age` ago and never marked as sent, oldest first.
    func unsent(olderThan age: Duration, limit: Int) async throws -> [EnvelopeRecord]
    /// History entries after `historyID`, in order.
    func updates(of id: String, after historyID: Int64, limit: Int) async throws -> [EnvelopeUpdate]
    /// A page of envelopes, newest first.
    func list(_ query: EnvelopeQuery) async throws -> [EnvelopeRecord]
    /// Ids of active envelopes whose `parent_id` this is.
    func activeChildren(of id: String, limit: Int) async throws -> [String]
    /// Ends envelopes whose deadline has passed; returns those that it ended. Several replicas may do it at once.
    func failOverdue(limit: Int) async throws -> [EnvelopeState]
    /// Removes what is older than the rules say; returns how many rows went. One batch per call, 0 when done.
    func prune(_ rules: RetentionRules, limit: Int) async throws -> Int
    /// Remembers a terminated MCP session on every replica for a day (`gateway.md` 23).
    func terminateSession(_ sessionID: String) async throws
    /// Whether a session was terminated.
    func isSessionTerminated(_ sessionID: String) async throws -> Bool
    /// How many envelopes there are per status.
    func countsByStatus() async throws -> [EnvelopeStatus: Int]
    /// Ids of envelopes that changed, on this replica or another. One consumer: `UpdateFeed`.
    func setChangeHandler(_ handler: @escaping @Sendable (_ change: StoreChange) -> Void)
    /// Returns when the store answers.
    func checkReadiness() async throws
    /// Finishes what was begun and gives up connections and threads.
    func close() async
}

/// Who hears of a store's changes; set once, called from the store's threads.
///
/// The function is in a structure because a `Mutex` of a function puts it into another wrapper with every access, and
/// calls go through all of them.
final class StoreChangeHandler: Sendable {
    private struct Handler {
        var call: @Sendable (StoreChange) -> Void
    }

    private let handler = Mutex<Handler?>(nil)

    func set(_ call: @escaping @Sendable (StoreChange) -> Void) {
        self.handler.withLock { $0 = Handler(call: call) }
    }

    func callAsFunction(_ change: StoreChange) {
        self.handler.withLock { $0 }?.call(change)
    }
}

/// What a store tells about changes.
public enum StoreChange: Sendable, Equatable {
    /// These envelopes have new history.
    case envelopes([String])
    /// Notifications may have been lost: whoever waits should look.
    case unknown
}

/// An envelope to record.
public struct NewEnvelope: Sendable {
    /// The envelope; its state may already say that it is being sent.
    public var record: EnvelopeRecord
    /// Entry of the history that belongs to it.
    public var firstUpdate: EnvelopeUpdate?
    /// Its message is to be sent: the store keeps it in mind until `markSent`.
    public var needsSending: Bool
    /// Makes a repeated call find the first one's envelope.
    public var idempotency: IdempotencyKey?

    /// An envelope that only has to be recorded, such as a child.
    public init(record: EnvelopeRecord) {
        self.record = record
        self.needsSending = false
    }
}

/// What makes two calls the same (`gateway.md` 25.10).
public struct IdempotencyKey: Sendable, Hashable {
    /// The caller's key, with the caller's name in front.
    public var key: String
    /// Digest of tool and arguments.
    public var fingerprint: String
    /// How long the key counts.
    public static let lifetime = Duration.seconds(24 * 3600)

    /// A key.
    public init(key: String, fingerprint: String) {
        self.key = key
        self.fingerprint = fingerprint
    }
}

/// What became of a new envelope.
public enum CreationOutcome: Sendable, Equatable {
    /// It was recorded.
    case created
    /// An envelope of that id exists, with this parent.
    case exists(parentID: String?)
    /// The idempotency key was used for the same call: that envelope's id.
    case repeated(id: String)
    /// The idempotency key was used for another call.
    case keyConflict
}

/// What became of an event.
public enum EventOutcome: Sendable, Equatable {
    /// There is no such envelope.
    case unknownEnvelope
    /// The envelope was terminal already.
    case ignored(EnvelopeState)
    /// The state afterwards.
    case applied(EnvelopeState)
}

/// What to list (`gateway.md` 25.8).
public struct EnvelopeQuery: Sendable, Equatable {
    /// Only this status.
    public var status: EnvelopeStatus?
    /// Only this tool's.
    public var tool: String?
    /// Only those whose route has this actor.
    public var actor: String?
    /// Only children of this envelope.
    public var parentID: String?
    /// Only this caller's; nil for everybody's.
    public var principal: String?
    /// Created after.
    public var createdAfter: EpochTime?
    /// Created before.
    public var createdBefore: EpochTime?
    /// Continue after this position.
    public var cursor: EnvelopeCursor?
    /// How many at most.
    public var limit: Int

    /// Everything, a page of 50.
    public init(limit: Int = EnvelopeQuery.defaultLimit) {
        self.limit = limit
    }

    /// Page size unless asked for.
    public static let defaultLimit = 50
    /// Largest page.
    public static let maximumLimit = 500
}

/// A place in the list of all envelopes, which is ordered by time of creation and id.
public struct EnvelopeCursor: Sendable, Equatable {
    /// Time of the last envelope that was seen.
    public var createdAt: EpochTime
    /// Its id.
    public var id: String

    /// The place behind an envelope.
    public init(createdAt: EpochTime, id: String) {
        self.createdAt = createdAt
        self.id = id
    }

    /// Opaque text for clients.
    public var text: String { "\(self.createdAt.microseconds).\(self.id)" }

    /// Reads what `text` gave; nil when it is something else.
    public init?(parsing text: String) {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let microseconds = Int64(parts[0]) else { return nil }
        self.init(createdAt: EpochTime(microseconds: microseconds), id: String(parts[1]))
    }
}

/// How long things are kept (`gateway.md` 11, 25.11).
public struct RetentionRules: Sendable, Equatable {
    /// Terminal envelopes with their history; nil keeps them.
    public var terminalEnvelopes: Duration?
    /// History of terminal envelopes.
    public var history: Duration
    /// Terminal envelopes beyond this number go, oldest first; nil for no limit.
    public var maximumEnvelopes: Int?

    /// Rules.
    public init(terminalEnvelopes: Duration?, history: Duration = .seconds(24 * 3600), maximumEnvelopes: Int? = nil) {
        self.terminalEnvelopes = terminalEnvelopes
        self.history = history
        self.maximumEnvelopes = maximumEnvelopes
    }
}

/// Why a store did not do what it was asked to. Fit for a log line; holds no data of envelopes.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No connection, or the disk is full; another attempt may succeed.
    case unavailable(String)
    /// The database cannot represent a value.
    case unstorable(String)
    /// The store was closed.
    case closed
    /// The database is not as it must be.
    case misconfigured(String)

    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .unavailable(let reason): "store is unavailable: \(reason)"
        case .unstorable(let reason): "value cannot be stored: \(reason)"
        case .closed: "store is closed"
        case .misconfigured(let reason): reason
        }
    }
}
