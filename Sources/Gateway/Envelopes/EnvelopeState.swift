/// The states of an envelope (`gateway.md` 6.2): `pending → running → succeeded | failed`.
public enum EnvelopeStatus: String, Sendable, CaseIterable {
    /// Created.
    case pending
    /// Sent, or reported on.
    case running
    /// Ended well; for ever.
    case succeeded
    /// Ended badly, timed out or cancelled; for ever.
    case failed
    /// Only in databases of the original; counts as active.
    case unknown

    /// The first terminal state wins: nothing changes it afterwards.
    public var isTerminal: Bool {
        switch self {
        case .succeeded, .failed: true
        case .pending, .running, .unknown: false
        }
    }
}

/// What an actor does with an envelope just now.
public enum ActorPhase: String, Sendable, CaseIterable {
    /// The message was taken from the queue.
    case received
    /// The runtime has it.
    case processing
    /// The runtime answered.
    case completed

    /// Its share of the actor's part of the route, in percent (`gateway.md` 7.1).
    var weight: Double {
        switch self {
        case .received: 10
        case .processing: 50
        case .completed: 100
        }
    }
}

/// The moving part of an envelope: everything the life cycle reads and writes. Small, whatever the payload's size.
public struct EnvelopeState: Sendable, Equatable {
    /// Identity of the envelope.
    public var id: String
    /// The envelope it was split from.
    public var parentID: String?
    /// Where it stands in its life.
    public var status: EnvelopeStatus
    /// The route's actors, as far as reports told.
    public var actors: [String]
    /// 0…100, never falling.
    public var progressPercent: Double
    /// Index of the actor that reported last.
    public var currentActorIndex: Int
    /// Its name.
    public var currentActorName: String?
    /// The latest message.
    public var message: String?
    /// Why it failed.
    public var error: String?
    /// Distinct indices that were reported `completed`.
    public var completedActors: [Int]
    /// When it fails by itself.
    public var deadline: EpochTime?
    /// When somebody cancelled it.
    public var cancelledAt: EpochTime?
    /// When it was created.
    public var createdAt: EpochTime
    /// The tool that was called; nil for fan-out children.
    public var tool: String?
    /// Who called, when authentication is on; children inherit it.
    public var principal: String?
    /// Where the end actor stored the result (`gateway.md` 25.17).
    public var resultURI: String?

    /// A fresh envelope.
    public init(
        id: String,
        parentID: String? = nil,
        actors: [String],
        deadline: EpochTime? = nil,
        createdAt: EpochTime = .now()
    ) {
        self.id = id
        self.parentID = parentID
        self.status = .pending
        self.actors = actors
        self.progressPercent = 0
        self.currentActorIndex = 0
        self.completedActors = []
        self.deadline = deadline
        self.createdAt = createdAt
    }

    /// How many actors of the route are done; all of them on success.
    public var actorsCompleted: Int {
        self.status == .succeeded ? self.actors.count : min(self.completedActors.count, self.actors.count)
    }

    /// Whether anybody still waits for it (`gateway.md` 6.4).
    public func isActive(now: EpochTime) -> Bool {
        !self.status.isTerminal && self.deadline.map { now < $0 } ?? true
    }
}
