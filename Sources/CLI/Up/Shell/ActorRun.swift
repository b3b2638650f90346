/// One actor that runs: its pairs, its autoscaler and what is known of its queue.
final class ActorRun {
    let plan: ActorPlan
    /// Position in the order of the manifests.
    let number: Int
    var scaler: Autoscaler
    var pairs: [Int: PairRun] = [:]
    /// Counts changes of the code.
    var generation = 0
    var depth = QueueDepth.zero
    var ledger = WorkLedger()
    var debounce = ChangeDebounce()
    /// Acknowledged messages of the queue before `asya up` started; nil when the transport does not count them.
    private var acknowledgedBefore: Int?
    private var acknowledged: Int?
    private var transportCountsInFlight = true

    init(plan: ActorPlan, number: Int, now: Duration) {
        self.plan = plan
        self.number = number
        self.scaler = Autoscaler(rule: plan.rule, now: now)
    }

    var pairsInOrder: [PairRun] { self.pairs.values.sorted { $0.id < $1.id } }

    var limits: PairLifecycle.Limits {
        // The sidecar ends by itself when its own limit is over; killing it is for sidecars that do not.
        PairLifecycle.Limits(drain: self.plan.processingTimeout + ActorPlanner.settlingTime * 2)
    }

    /// Takes a look at the queue into account.
    func note(_ reading: QueueReading) {
        self.depth = QueueDepth(queued: reading.queued, inFlight: reading.inFlight ?? self.ledger.active)
        self.transportCountsInFlight = reading.inFlight != nil
        self.acknowledged = reading.acknowledged
        if self.acknowledgedBefore == nil { self.acknowledgedBefore = reading.acknowledged }
    }

    /// The sidecars have said what they hold, for transports that do not.
    func noteInFlight() {
        if !self.transportCountsInFlight { self.depth.inFlight = self.ledger.active }
    }

    /// The line of the table.
    func status(now: Duration, isClosing: Bool) -> ActorStatus {
        let pairs = self.pairs.values
        let done = self.acknowledged.flatMap { total in self.acknowledgedBefore.map { total - $0 } }
        self.ledger.noteDone(done, now: now)
        return ActorStatus(
            name: self.plan.name,
            condition: self.condition(isClosing: isClosing),
            ready: pairs.count { $0.life.isReady },
            desired: isClosing ? 0 : self.scaler.desired,
            depth: self.depth,
            done: self.ledger.shownDone,
            donePerSecond: self.ledger.rate,
            errors: self.ledger.failed
        )
    }

    private func condition(isClosing: Bool) -> ActorStatus.Condition {
        let pairs = self.pairs.values
        if pairs.contains(where: { $0.life.isCrashLooping }) { return .crashLoop }
        if pairs.isEmpty { return self.scaler.desired == 0 || isClosing ? .atZero : .starting }
        if pairs.allSatisfy({ $0.life.isLeaving }) { return .draining }
        if pairs.contains(where: { $0.life.phase == .waitingForSlot }) { return .waitingForGPU }
        if pairs.contains(where: { $0.generation < self.generation && !$0.life.isLeaving }) { return .updating }
        return pairs.contains { $0.life.isReady } ? .running : .starting
    }
}
