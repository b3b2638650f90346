/// Who this sidecar is and where its envelopes end; the constants of every routing decision.
struct ActorRules: Equatable {
    /// `ASYA_ACTOR_NAME`.
    let ownName: String
    let happyEnd: String
    let errorEnd: String
    /// An end actor never publishes, not even error envelopes (`envelope.md` 8.1). True for the error-end actor
    /// also when end-actor mode is off: it would feed itself.
    let isEndActor: Bool
    /// `envelope.md` section 11.
    let enforcesDeadline: Bool

    init(ownName: String, happyEnd: String, errorEnd: String, isEndActor: Bool, enforcesDeadline: Bool) {
        self.ownName = ownName
        self.happyEnd = happyEnd
        self.errorEnd = errorEnd
        self.isEndActor = isEndActor || ownName == errorEnd
        self.enforcesDeadline = enforcesDeadline
    }
}
