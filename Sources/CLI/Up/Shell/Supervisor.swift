import Glibc

/// Runs all actors until it is told to stop: one thread, one `poll`, and the pure parts that decide.
///
/// Each turn of the loop reads what has arrived (signals, output, messages), lets everything act whose time has come,
/// compares the pairs that run with those that should, and writes what there is to say.
final class Supervisor {
    /// How the run is set up.
    struct Settings {
        var toolkit: Toolkit
        var stateDirectory: String
        /// Below it each pair has its socket directory.
        var socketFolder: String
        /// GPUs to hand out; nil when nobody counts them.
        var gpuCount: Int?
        /// Whether changed code restarts its actor.
        var watchesCode: Bool
    }

    /// Readiness of a starting runtime is looked at this often, and less often once it takes long.
    static let readyInterval: Duration = .milliseconds(20)
    static let slowReadyInterval: Duration = .milliseconds(200)
    static let slowStart: Duration = .seconds(3)
    /// A line that does not go on is shown after this time.
    static let partialLineDelay: Duration = .milliseconds(300)
    /// What a sidecar has to answer a question for its counters.
    static let answerTime: Duration = .milliseconds(200)
    static let watchInterval: Duration = .milliseconds(500)
    /// Looks at queues that are due within this time are made together.
    static let pollSlack: Duration = .milliseconds(250)
    /// How often queues are looked at that do not report arrivals.
    static let slowArrivalInterval: Duration = .milliseconds(500)

    let settings: Settings
    let console: Console
    let monitor: any QueueMonitor
    let actors: [ActorRun]
    /// Nil when none is to run.
    let gateway: GatewayRun?
    let signals: Int32
    var slots: GPUSlots
    var requests: [LoopbackRequest] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    var now = MonotonicClock.now
    var nextRefresh: Duration?
    /// Numbers were asked for; they are shown when they are there, and without those that are late at this time.
    var showLatest: Duration?
    let startTime: Duration
    var nextWatch: Duration
    var nextArrivalLook: Duration?
    var snapshots: [String: SourceSnapshot] = [:]
    /// Queues that `monitor` watches now.
    var watchedQueues: [String] = []
    /// Asked to end: 0 = no, 1 = in order, 2 = at once.
    var stopRequests = 0
    /// What ended the run, when it was not a person.
    private(set) var failure: UpError?
    private var lastMonitorProblem: String?

    init(
        settings: Settings,
        plans: [ActorPlan],
        gateway: GatewayRun?,
        monitor: any QueueMonitor,
        console: Console,
        signals: Int32
    ) {
        self.settings = settings
        self.monitor = monitor
        self.console = console
        self.gateway = gateway
        self.signals = signals
        self.slots = GPUSlots(count: settings.gpuCount ?? 0)
        let now = MonotonicClock.now
        self.actors = plans.enumerated().map { ActorRun(plan: $1, number: $0, now: now) }
        self.startTime = now
        self.nextWatch = now + Self.watchInterval
        self.nextRefresh = now
    }

    var isClosing: Bool { self.stopRequests > 0 }

    /// Runs until everything has ended.
    func run() {
        self.takeSnapshots()
        self.startGateway()
        while true {
            self.now = MonotonicClock.now
            self.act()
            // The gateway goes last: the pairs still have reports for it.
            if self.isClosing, self.actors.allSatisfy({ $0.pairs.isEmpty }), self.stopGateway() { break }
            self.console.flush()
            if self.console.isBroken, !self.isClosing { self.requestStop() }
            self.waitForEvents()
        }
        self.refresh()
        self.showStatus()
        self.console.closeTable()
    }

    /// The first call lets every pair finish its message, the second kills.
    func requestStop() {
        self.stopRequests += 1
        let pairs = self.actors.flatMap(\.pairsInOrder)
        if self.stopRequests == 1 {
            let held = self.actors.reduce(0) { $0 + $1.depth.inFlight }
            self.console.emit(
                .notice(
                    .information,
                    "stopping: \(pairs.count) pairs finish what they hold (about \(held) messages);"
                        + " Ctrl-C again to stop at once"
                )
            )
        } else {
            self.console.emit(.notice(.warning, "stopping at once; what was being worked on goes back to its queue"))
            for pair in pairs { self.apply(pair.life.forceStop(), to: pair) }
            self.forceStopGateway()
        }
    }

    /// Ends the run in order, with a reason.
    func fail(_ error: UpError) {
        guard !self.isClosing else { return }
        self.failure = error
        self.requestStop()
    }

    /// Everything whose time has come.
    private func act() {
        self.observeDueQueues()
        for actor in self.actors {
            for pair in actor.pairsInOrder {
                self.checkReadiness(pair)
                self.apply(pair.life.timePassed(now: self.now), to: pair)
            }
            if actor.debounce.isDue(now: self.now) { self.codeChanged(actor) }
            if !self.waitsForGateway { self.reconcile(actor) }
        }
        self.showPartialLines()
        self.grantSlots()
        self.lookAfterGateway()
        if !self.isClosing { self.watchQueuesAtZero() }
        self.watchCode()
        self.dropLateRequests()
        if let due = self.nextRefresh, self.now >= due { self.refresh() }
        if let latest = self.showLatest, self.requests.isEmpty || self.now >= latest { self.showStatus() }
    }

    /// Starts and ends pairs until as many stay as are wanted.
    private func reconcile(_ actor: ActorRun) {
        let desired = self.isClosing ? 0 : actor.scaler.desired
        let steps = ReplicaPlan.steps(
            members: actor.pairsInOrder.map(\.member),
            desired: desired,
            generation: actor.generation
        )
        for step in steps {
            switch step {
            case .start(let index): self.createPair(actor, index: index)
            case .stop(let index):
                guard let pair = actor.pairs[index] else { continue }
                self.apply(pair.life.stop(now: self.now), to: pair)
            }
        }
        if !steps.isEmpty { self.refreshSoon() }
    }

    /// The numbers are of interest while something runs or waits.
    func refreshSoon() {
        self.nextRefresh = min(self.nextRefresh ?? self.now, self.now)
    }

    /// Once per problem: a broker that is away would fill the screen.
    func reportMonitorProblem(_ problem: UpError?) {
        defer { self.lastMonitorProblem = problem?.description }
        guard problem?.description != self.lastMonitorProblem else { return }
        if let problem {
            self.console.emit(.notice(.warning, "\(problem)"))
        } else {
            self.console.emit(.notice(.success, "the queues can be read again"))
        }
    }
}
