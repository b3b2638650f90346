@testable import Sidecar

/// A world in virtual time: queues, one pod at a time, and misfortune. Everything in it is decided by one seed.
final class World: PipelineClock {
    /// Messages arrive and things go wrong for this long; after that the world is calm.
    static let troubleEnds = Duration.seconds(90)
    /// By then everything has to be settled: the longest back-off, delivery after delivery.
    static let patience = Duration.seconds(1800)
    /// More turns than any sound run needs.
    static let turnLimit = 400_000
    /// Turns at one moment in which nothing happens. More mean that the pipeline asks to be woken for nothing.
    static let idleTurnLimit = 3

    let scenario: Scenario
    let seed: UInt64
    let dice: Dice
    let broker = SimulatedBroker()
    private(set) var now = MonotonicTime(nanoseconds: 1_000_000_000)
    private(set) var faults: Faults
    private(set) var pace = SimulatedRuntime.Pace.swift
    private(set) var pod: Pod?
    private(set) var violation: String?
    private(set) var podCount = 0
    private var events = EventQueue()
    private var isCalm = false
    private var inputCount = 0
    private var idleTurns = 0

    init(scenario: Scenario, seed: UInt64) {
        self.scenario = scenario
        self.seed = seed
        self.dice = Dice(seed: seed)
        self.faults = scenario.faults
    }

    var wallClock: Int64 { Int64(clamping: self.now.nanoseconds) }
    var isEndActor: Bool { self.scenario.isEndActor || self.scenario.actorName == Scenario.errorEnd }
    var widestWindow: Int { self.scenario.pinnedWindow ?? 16 }

    /// Notes the first thing that is wrong; the run ends with it.
    func violated(_ sentence: String) {
        guard self.violation == nil else { return }
        let seconds = Double(self.now.nanoseconds) / 1e9
        self.violation = "\(sentence) [\(self.scenario.name), seed \(self.seed), at \(seconds) s, pod \(self.podCount)]"
    }

    func at(_ time: MonotonicTime, _ work: @escaping () -> Void) {
        self.events.add(at: time, work)
    }

    func after(_ delay: Duration, _ work: @escaping () -> Void) {
        self.events.add(at: self.now + delay, work)
    }

    func soon(_ work: @escaping () -> Void) {
        self.events.add(at: self.now, work)
    }

    // MARK: The run

    /// Lets the world live until everything is settled. Returns what went wrong, or nil.
    func run() -> String? {
        self.broker.becameReady = { [unowned self] in
            self.soon { [unowned self] in self.pod?.transport.deliver() }
        }
        self.startPod()
        self.putMessages()
        self.changePace()
        if self.scenario.faults.oddReply > 0 { self.makeTrouble() }
        self.after(Self.troubleEnds) { self.calmDown() }
        var turns = 0
        while self.violation == nil, !self.isFinished {
            turns += 1
            if turns > Self.turnLimit { self.violated("no end after \(turns) turns") }
            self.turn()
        }
        if self.violation == nil, !self.hasOnlyPoison { self.pod?.checkEmpty() }
        return self.violation
    }

    private var isFinished: Bool {
        guard self.isCalm, let pod = self.pod, !pod.isGone else { return false }
        return self.hasOnlyPoison || (self.broker.isOwnQueueEmpty && pod.pipeline.table.count == 0)
    }

    /// What an end actor cannot read circulates for ever unless there is a dead-letter queue.
    private var hasOnlyPoison: Bool {
        guard self.isEndActor, !self.scenario.hasDeadLetterQueue else { return false }
        return self.broker.remaining { !$0.kind.isUnreadable }.isEmpty
    }

    /// One turn of the loop: some of what is due, then the pipeline's end of turn.
    private func turn() {
        let pod = self.pod.flatMap { $0.isGone ? nil : $0 }
        guard let wake = [self.events.nextTime, pod?.nextDeadline].compactMap({ $0 }).min() else {
            self.violated("nothing will ever happen again")
            return
        }
        let isLater = wake > self.now
        self.now = max(self.now, wake)
        var performed = 0
        let most = self.dice.count(1...6)
        while performed < most, let work = self.events.popDue(at: self.now) {
            work()
            performed += 1
        }
        self.pod?.turn()
        self.idleTurns = isLater || performed > 0 ? 0 : self.idleTurns + 1
        if self.idleTurns > Self.idleTurnLimit { self.violated("the pipeline wants to be woken for nothing") }
        if self.isCalm, self.now > MonotonicTime(nanoseconds: 1_000_000_000) + Self.troubleEnds + Self.patience {
            let left = self.broker.ready.count + self.broker.unsettled.count
            self.violated(
                "\(left) messages are still queued, \(pod?.pipeline.table.count ?? 0) held, pod \(pod?.description ?? "gone")"
            )
        }
    }

    // MARK: Pods

    private func startPod() {
        self.podCount += 1
        self.pod = Pod(world: self)
    }

    /// The kubelet starts the container again.
    func podEnded() {
        self.after(self.dice.milliseconds(10...3000)) {
            self.pod = nil
            self.startPod()
        }
    }

    // MARK: What happens to the pod

    private func putMessages() {
        let factory = InputFactory(scenario: self.scenario)
        let burst = self.dice.count(1...(self.scenario.messageCount / 7))
        for _ in 0..<burst where self.inputCount < self.scenario.messageCount {
            self.inputCount += 1
            self.broker.put(factory.make(self.inputCount, faults: self.faults, dice: self.dice))
        }
        guard self.inputCount < self.scenario.messageCount else { return }
        self.after(self.dice.milliseconds(0...8000)) { self.putMessages() }
    }

    private func changePace() {
        self.pace = self.dice.pick(SimulatedRuntime.Pace.allCases)
        guard !self.isCalm else { return }
        self.after(self.dice.milliseconds(500...10_000)) { self.changePace() }
    }

    private func makeTrouble() {
        guard !self.isCalm else { return }
        let dice = self.dice
        if let transport = self.pod?.transport, !transport.isClosed {
            if dice.happens(self.faults.consumerLoss) { transport.loseConsumer(for: dice.milliseconds(1...3000)) }
            if dice.happens(self.faults.publisherLoss) { transport.losePublisher(for: dice.milliseconds(1...3000)) }
            if dice.happens(self.faults.congested) { transport.congest(for: dice.milliseconds(1...500)) }
        }
        if dice.happens(self.faults.blocked) { self.block(for: dice.milliseconds(100...20_000)) }
        if dice.happens(self.faults.missingDestination) { self.loseQueue(for: dice.milliseconds(100...15_000)) }
        if dice.happens(self.faults.drain) { self.pod?.drain() }
        if dice.happens(self.faults.kill) { self.pod?.kill() }
        self.after(dice.milliseconds(100...2000)) { self.makeTrouble() }
    }

    private func block(for duration: Duration) {
        guard !self.broker.isBlocked else { return }
        self.broker.isBlocked = true
        self.after(.milliseconds(5)) { self.pod?.transport.announceBlocked(self.broker.isBlocked) }
        self.after(duration) {
            self.broker.isBlocked = false
            self.pod?.transport.announceBlocked(false)
        }
    }

    private func loseQueue(for duration: Duration) {
        let queue = self.dice.pick([
            "asya-next", "asya-other", "asya-happy-end", "asya-error-end", Scenario.deadLetterQueue,
        ])
        self.broker.missingQueues.insert(queue)
        self.after(duration) { self.broker.missingQueues.remove(queue) }
    }

    private func calmDown() {
        self.faults = .none
        self.pace = .medium
        self.isCalm = true
    }
}
