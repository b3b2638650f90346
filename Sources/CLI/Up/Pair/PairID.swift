/// One pair of processes: the actor and a number that is free among the actor's pairs.
struct PairID: Hashable, Comparable, Sendable {
    var actor: String
    var index: Int

    /// For instance `word-counter.2`: prefix of its log lines and name of its directory.
    var text: String { "\(self.actor).\(self.index)" }

    static func < (left: PairID, right: PairID) -> Bool {
        (left.actor, left.index) < (right.actor, right.index)
    }
}
