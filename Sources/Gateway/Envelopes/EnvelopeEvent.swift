/// Something that happened to an envelope; `EnvelopeLifeCycle` says what follows.
public enum EnvelopeEvent: Sendable, Equatable {
    /// A sidecar reports progress (`gateway.md` 7.1).
    case progress(ProgressReport)
    /// An end actor's sidecar reports the end (`gateway.md` 7.2).
    case final(FinalReport)
    /// The envelope is about to be sent again to its first actor.
    case sending
    /// The queue did not take it (`gateway.md` 5.3).
    case sendFailed(cause: String)
    /// Its deadline has passed (`gateway.md` 6.3).
    case deadlinePassed
    /// Somebody cancelled it (`gateway.md` 25.4).
    case cancelled
}

/// The body of POST /envelopes/{id}/progress; every member is optional in practice.
public struct ProgressReport: Sendable, Equatable {
    /// The route as the sidecar knows it.
    public var actors: [String]
    /// Index of the reporting actor.
    public var currentActorIndex: Int
    /// nil when the reported status is none of the known ones.
    public var phase: ActorPhase?
    /// A sentence for people.
    public var message: String

    /// A report.
    public init(actors: [String] = [], currentActorIndex: Int = 0, phase: ActorPhase? = nil, message: String = "") {
        self.actors = actors
        self.currentActorIndex = currentActorIndex
        self.phase = phase
        self.message = message
    }
}

/// The body of POST /envelopes/{id}/final.
public struct FinalReport: Sendable, Equatable {
    /// Succeeded or failed.
    public var hasSucceeded: Bool
    /// Whatever the pipeline returned.
    public var result: RawJSON?
    /// Why it failed.
    public var error: String?
    /// What the runtime told about the failure.
    public var errorDetails: RawJSON?
    /// The route, when given.
    public var actors: [String]?
    /// Where it ended, when given.
    public var currentActorIndex: Int?
    /// Name of the actor where it ended, when given.
    public var currentActorName: String?
    /// `metadata.s3_uri`: where the end actor stored the result.
    public var resultURI: String?

    /// A report with only what is required.
    public init(hasSucceeded: Bool) {
        self.hasSucceeded = hasSucceeded
    }
}
