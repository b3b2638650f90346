/// How much work an actor has: what waits in its queue and what its pairs hold.
struct QueueDepth: Equatable, Sendable {
    /// Messages that no sidecar has taken yet.
    var queued: Int
    /// Messages that a sidecar holds and has not settled.
    var inFlight: Int

    static let zero = QueueDepth(queued: 0, inFlight: 0)

    /// What the scaling formula works with: a pair that is busy with the last message still has work.
    var total: Int {
        let (sum, overflow) = self.queued.addingReportingOverflow(self.inFlight)
        return overflow ? Int.max : sum
    }
}
