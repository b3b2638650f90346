/// An envelope as the store keeps it (`gateway.md` 6.1).
public struct EnvelopeRecord: Sendable, Equatable {
    /// The part that moves.
    public var state: EnvelopeState
    /// `route.current` as created; the moving index is `state.currentActorIndex`.
    public var routeCurrent: Int
    /// `route.metadata`.
    public var routeMetadata: RawJSON?
    /// Envelope headers.
    public var headers: RawJSON?
    /// What the caller sent.
    public var payload: RawJSON
    /// What the pipeline returned, or the details of its failure.
    public var result: RawJSON?
    /// Whole seconds, as configured; nil for none.
    public var timeoutSeconds: Int?
    /// Envelopes that were split from this one.
    public var childrenTotal: Int
    /// Those of them that ended.
    public var childrenDone: Int
    /// When it changed last.
    public var updatedAt: EpochTime

    /// A fresh envelope.
    public init(state: EnvelopeState, payload: RawJSON) {
        self.state = state
        self.routeCurrent = 0
        self.payload = payload
        self.childrenTotal = 0
        self.childrenDone = 0
        self.updatedAt = state.createdAt
    }

    /// When it was created.
    public var createdAt: EpochTime { self.state.createdAt }
    /// The tool that was called; nil for fan-out children.
    public var tool: String? { self.state.tool }
}

/// One entry of an envelope's history, and what subscribers get (`gateway.md` 8).
public struct EnvelopeUpdate: Sendable, Equatable {
    /// The entry's number: grows along an envelope's history. 0 for one that is not stored.
    public var historyID: Int64
    /// The envelope.
    public var envelopeID: String
    /// Its status after the update.
    public var status: EnvelopeStatus
    /// A sentence for people.
    public var message: String?
    /// Set by a final report.
    public var result: RawJSON?
    /// Set by a failure.
    public var error: String?
    /// 0…100.
    public var progressPercent: Double?
    /// Name of the actor that reported.
    public var actor: String?
    /// The route as reported.
    public var actors: [String]?
    /// Index of the actor that reported.
    public var currentActorIndex: Int?
    /// What that actor does.
    public var phase: ActorPhase?
    /// When it happened.
    public var timestamp: EpochTime

    /// An update with only what every update has.
    public init(envelopeID: String, status: EnvelopeStatus, timestamp: EpochTime) {
        self.historyID = 0
        self.envelopeID = envelopeID
        self.status = status
        self.timestamp = timestamp
    }
}
