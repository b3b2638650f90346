@testable import Sidecar

/// The runtime's side of the socket: serves one request after the other, sometimes answers oddly, sometimes breaks,
/// sometimes never comes back.
final class SimulatedRuntime: RuntimePort {
    /// How fast the handler is at the moment.
    enum Pace: CaseIterable {
        case swift, medium, slow

        var microseconds: ClosedRange<Int> {
            switch self {
            case .swift: 20...700
            case .medium: 1000...15_000
            case .slow: 50_000...400_000
            }
        }
    }

    weak var events: (any RuntimeEvents)?
    unowned let world: World
    private let pool: SlabPool
    /// The delivery a request's bytes belong to.
    var recordOfSlab: (ByteSlab) -> DeliveryRecord? = { _ in nil }
    /// The delivery whose reply is being reported.
    private(set) var lastServed: DeliveryRecord?

    private var staged: [DeliveryRecord] = []
    private var requests: [DeliveryRecord] = []
    private var isServing = false
    /// A connection that can take requests; false for a moment between two requests in one-shot mode.
    private var isConnected = false
    private(set) var isAvailable = false
    private(set) var isClosed = false
    private var epoch = 0
    private var handOvers = 0

    init(world: World, pool: SlabPool) {
        self.world = world
        self.pool = pool
    }

    var hasUnflushedWork: Bool { !self.staged.isEmpty }

    var depth: Int { self.isConnected ? 1 + self.world.scenario.aheadCount : 0 }

    func start() {
        self.comeBack(after: self.world.dice.milliseconds(0...800))
    }

    func send(_ body: ByteSlice) {
        guard self.requests.count + self.staged.count < self.depth, !self.isClosed else {
            self.world.violated("a request was sent that the runtime has no room for")
            return
        }
        guard let record = self.recordOfSlab(body.slab), body.bytes.elementsEqual(record.message.body) else {
            self.world.violated("a request is not the message as it was received")
            return
        }
        record.handOver = self.handOvers
        self.handOvers += 1
        self.staged.append(record)
    }

    func flush() {
        guard !self.staged.isEmpty else { return }
        self.requests.append(contentsOf: self.staged)
        self.staged = []
        self.serve()
    }

    func close() {
        self.isClosed = true
        self.isConnected = false
        self.isAvailable = false
        self.epoch += 1
    }

    // MARK: Serving

    private func serve() {
        guard !self.isServing, let record = self.requests.first else { return }
        self.isServing = true
        let dice = self.world.dice
        let faults = self.world.faults
        let epoch = self.epoch
        if dice.happens(faults.breakBeforeStart) {
            self.world.after(dice.microseconds(0...500)) { [weak self] in
                guard let self, self.epoch == epoch else { return }
                self.breakConnection(oldestFailure: nil)
            }
            return
        }
        if dice.happens(faults.hang) {
            record.answer = .failure
            return
        }
        let breaks = dice.happens(faults.breakAfterStart)
        self.world.after(dice.microseconds(self.world.pace.microseconds)) { [weak self] in
            guard let self, self.epoch == epoch else { return }
            if breaks {
                record.answer = .failure
                self.breakConnection(oldestFailure: .readFailed(reason: "EOF"))
            } else {
                self.reply(to: record)
            }
        }
    }

    private func reply(to record: DeliveryRecord) {
        let reply = ReplyFactory(world: self.world, record: record).make()
        record.answer = reply.answer
        self.requests.removeFirst()
        self.isServing = false
        self.lastServed = record
        if self.world.scenario.closesAfterReply {
            self.isConnected = false
            let epoch = self.epoch
            self.world.after(self.world.dice.microseconds(0...300)) { [weak self] in
                guard let self, self.epoch == epoch else { return }
                self.isConnected = true
                self.events?.runtimeAvailable()
            }
        }
        self.events?.runtimeReplied(self.pool.slice(copying: reply.bytes))
        self.serve()
    }

    private func breakConnection(oldestFailure: RuntimeFailure?) {
        self.epoch += 1
        let hadRequests = !self.requests.isEmpty || !self.staged.isEmpty
        self.requests = []
        self.staged = []
        self.isServing = false
        self.isConnected = false
        self.isAvailable = false
        if self.world.dice.happens(self.world.faults.runtimeStaysAway) {
            let epoch = self.epoch
            self.world.after(.seconds(20)) { [weak self] in
                guard let self, self.epoch == epoch else { return }
                self.events?.runtimeGone()
            }
        } else {
            self.comeBack(after: self.world.dice.milliseconds(1...3000))
        }
        if hadRequests { self.events?.runtimeLost(oldestFailure: oldestFailure) }
    }

    private func comeBack(after delay: Duration) {
        let epoch = self.epoch
        self.world.after(delay) { [weak self] in
            guard let self, self.epoch == epoch, !self.isClosed else { return }
            self.isConnected = true
            self.isAvailable = true
            self.events?.runtimeAvailable()
        }
    }
}
