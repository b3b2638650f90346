import Testing

/// How one world is set up: which sidecar lives in it and how hostile it is.
struct Scenario: Sendable, CustomTestStringConvertible {
    static let ownName = "worker"
    static let happyEnd = "happy-end"
    static let errorEnd = "error-end"
    static let deadLetterQueue = "asya-worker-dlq"
    /// A hanging handler is noticed after this time.
    static let runtimeTimeout = Duration.seconds(5)

    var name: String
    var actorName = Scenario.ownName
    var isEndActor = false
    var hasGateway = false
    /// nil: adaptive.
    var pinnedWindow: Int?
    var maxDeliveries = 0
    var hasDeadLetterQueue = false
    var heldByteLimit = 16 * 1024 * 1024
    /// Bodies are small but for some with up to this many bytes.
    var largeBodyByteCount = 3000
    /// Requests that may wait in the runtime's socket; 0 also for a runtime that closes after each reply.
    var aheadCount = 0
    var closesAfterReply = false
    /// Whether the broker counts deliveries (a quorum queue).
    var countsDeliveries = false
    /// A store with leases that commits a hop in one transaction, instead of a broker.
    var usesStore = false
    var messageCount = 150
    var faults = Faults()

    var testDescription: String { self.name }
}

/// Probabilities of everything that can go wrong. All zero: a calm world.
struct Faults: Sendable {
    /// Per publication.
    var nack = 0.02
    var tooLarge = 0.005
    /// Per runtime call.
    var hang = 0.002
    var breakBeforeStart = 0.01
    var breakAfterStart = 0.01
    var runtimeStaysAway = 0.05
    var oddReply = 0.15
    /// Per message put into the queue.
    var badInput = 0.1
    /// Per opportunity; an opportunity comes every second or so.
    var consumerLoss = 0.15
    var publisherLoss = 0.15
    var blocked = 0.08
    var congested = 0.2
    var missingDestination = 0.1
    var drain = 0.05
    var kill = 0.03
    /// Per gateway call.
    var slowGateway = 0.3
    var unreachableGateway = 0.1

    static let none = Faults(
        nack: 0,
        tooLarge: 0,
        hang: 0,
        breakBeforeStart: 0,
        breakAfterStart: 0,
        runtimeStaysAway: 0,
        oddReply: 0,
        badInput: 0,
        consumerLoss: 0,
        publisherLoss: 0,
        blocked: 0,
        congested: 0,
        missingDestination: 0,
        drain: 0,
        kill: 0,
        slowGateway: 0,
        unreachableGateway: 0
    )
}

extension Scenario {
    /// The sidecars every seed is tried on.
    static let all: [Scenario] = [
        Scenario(name: "ordinary actor, adaptive window", aheadCount: 8, messageCount: 500),
        Scenario(name: "runtime that closes after each reply", closesAfterReply: true),
        Scenario(name: "pinned window of 1", pinnedWindow: 1),
        Scenario(name: "pinned window of 16 with a gateway", hasGateway: true, pinnedWindow: 16, aheadCount: 4),
        Scenario(
            name: "pinned window of 200, few bytes",
            pinnedWindow: 200,
            heldByteLimit: 64 * 1024,
            largeBodyByteCount: 30_000,
            aheadCount: 8
        ),
        Scenario(name: "dead letters", pinnedWindow: 16, maxDeliveries: 3, hasDeadLetterQueue: true, aheadCount: 2),
        Scenario(
            name: "dead letters, deliveries counted by the broker",
            pinnedWindow: 4,
            maxDeliveries: 2,
            hasDeadLetterQueue: true,
            countsDeliveries: true
        ),
        Scenario(
            name: "happy-end with a gateway",
            actorName: happyEnd,
            isEndActor: true,
            hasGateway: true,
            pinnedWindow: 16,
            aheadCount: 2,
            messageCount: 80
        ),
        Scenario(
            name: "error-end, adaptive window",
            actorName: errorEnd,
            maxDeliveries: 4,
            hasDeadLetterQueue: true,
            aheadCount: 8
        ),
        Scenario(
            name: "end actor with another name",
            actorName: "sink",
            isEndActor: true,
            hasGateway: true,
            pinnedWindow: 16,
            closesAfterReply: true,
            messageCount: 60
        ),
        Scenario(name: "calm world", pinnedWindow: 16, aheadCount: 8, faults: .none),
        Scenario(name: "store: adaptive window", aheadCount: 8, usesStore: true, messageCount: 300),
        Scenario(
            name: "store: pinned window of 16 with a gateway",
            hasGateway: true,
            pinnedWindow: 16,
            aheadCount: 4,
            usesStore: true
        ),
        Scenario(
            name: "store: dead letters",
            pinnedWindow: 4,
            maxDeliveries: 2,
            hasDeadLetterQueue: true,
            usesStore: true
        ),
        Scenario(
            name: "store: happy-end with a gateway",
            actorName: happyEnd,
            isEndActor: true,
            hasGateway: true,
            pinnedWindow: 16,
            usesStore: true,
            messageCount: 80
        ),
        Scenario(name: "store: calm world", pinnedWindow: 16, aheadCount: 8, usesStore: true, faults: .none),
    ]
}
