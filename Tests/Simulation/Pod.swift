import Logging
import Support

@testable import Sidecar

/// One life of the sidecar's process in a world: the real pipeline between simulated neighbours. Plays the part of
/// `Sidecar`, the owner.
final class Pod: PipelineOwner {
    private enum Phase {
        case starting, consuming, draining, closing, gone
    }

    unowned let world: World
    let pool = SlabPool()
    let pipeline: Pipeline
    let transport: any SimulatedNeighbour
    let runtime: SimulatedRuntime
    let gateway: SimulatedGateway?
    let metrics: SidecarMetrics
    private var phase = Phase.starting
    private var records: [ObjectIdentifier: DeliveryRecord] = [:]
    /// Bytes the parts hold when they hold no message.
    private let baseByteCount: Int
    private let rules: ActorRules

    init(world: World) {
        let scenario = world.scenario
        self.world = world
        self.transport =
            scenario.usesStore
            ? SimulatedStoreTransport(world: world, pool: self.pool)
            : SimulatedTransport(world: world, pool: self.pool)
        self.runtime = SimulatedRuntime(world: world, pool: self.pool)
        self.gateway = scenario.hasGateway ? SimulatedGateway(world: world) : nil
        self.metrics = makeMetrics()
        self.rules = ActorRules(
            ownName: scenario.actorName,
            happyEnd: Scenario.happyEnd,
            errorEnd: Scenario.errorEnd,
            isEndActor: scenario.isEndActor,
            enforcesDeadline: false
        )
        self.pipeline = Pipeline(
            rules: self.rules,
            limits: Pipeline.Limits(
                runtimeTimeout: Scenario.runtimeTimeout,
                heldByteLimit: scenario.heldByteLimit,
                maxDeliveries: scenario.maxDeliveries
            ),
            window: AdmissionWindow(pinned: scenario.pinnedWindow, wide: 16),
            deadLetterQueue: scenario.hasDeadLetterQueue ? Scenario.deadLetterQueue : nil,
            pool: self.pool,
            parts: Pipeline.Parts(
                transport: self.transport,
                runtime: self.runtime,
                gateway: self.gateway,
                metrics: self.metrics,
                clock: world,
                log: PipelineLog(logger: makeLogger(), clock: { 0 }),
                random: world.dice.split()
            )
        )
        self.baseByteCount = self.pool.usedByteCount
        self.pipeline.owner = self
        self.connectParts()
        self.runtime.start()
    }

    private func connectParts() {
        self.transport.delivered = { [unowned self] in self.records[ObjectIdentifier($0)] = $1 }
        self.transport.recordOfToken = { [unowned self] token in
            self.records[ObjectIdentifier(self.pipeline.table[Int(token >> 32)].body.slab)]
        }
        self.runtime.recordOfSlab = { [unowned self] in self.records[ObjectIdentifier($0)] }
        self.gateway?.currentRecord = { [unowned self] in self.runtime.lastServed }
    }

    func records(withID id: String) -> [DeliveryRecord] {
        self.records.values.filter { $0.message.id == id }
    }

    var description: String {
        "\(self.phase), runtime available: \(self.runtime.isAvailable) depth \(self.runtime.depth), "
            + "mode \(self.pipeline.mode), paused \(self.pipeline.isPaused), queued \(self.pipeline.queued.count), "
            + "in runtime \(self.pipeline.inRuntime.count)"
    }

    var isGone: Bool { self.phase == .gone }

    // MARK: Turns

    var nextDeadline: MonotonicTime? { self.pipeline.nextDeadline }

    /// The end of a loop turn, as in `Sidecar.endTurn`.
    func turn() {
        guard self.phase != .gone else { return }
        if let deadline = self.pipeline.nextDeadline, deadline <= self.world.now { self.pipeline.tick() }
        if self.phase == .starting, self.runtime.isAvailable, self.transport.isConnected {
            self.phase = .consuming
            self.pipeline.startReceiving()
        }
        self.pipeline.endTurn()
        guard self.phase != .closing, self.phase != .gone else { return }
        self.checkBounds()
    }

    private func checkBounds() {
        if self.transport.hasUnflushedWork || self.runtime.hasUnflushedWork {
            self.world.violated("work was left behind at the end of a turn")
        }
        let held = self.pipeline.table.held
        let current = held.filter { !$0.isForgotten }
        if current.count != self.transport.reportedCount {
            self.world.violated("\(current.count) held, \(self.transport.reportedCount) unsettled at the broker")
        }
        if current.count > self.world.widestWindow { self.world.violated("\(current.count) held messages") }
        let bodies = held.reduce(0) { $0 + $1.body.count }
        if bodies > self.world.scenario.heldByteLimit + (held.map(\.body.count).max() ?? 0) {
            self.world.violated("\(bodies) bytes of bodies held")
        }
        let all = held.reduce(0) { $0 + $1.heldByteCount }
        if all != self.pipeline.heldByteCount {
            self.world.violated("\(self.pipeline.heldByteCount) bytes counted, \(all) held")
        }
        let active = held.filter(\.isActive).count
        if Int(activeMessages(self.metrics)) != active {
            self.world.violated("\(active) active messages, the gauge says \(activeMessages(self.metrics))")
        }
        self.checkPlaces(of: held)
    }

    /// Whatever a message waits for, something is under way that will wake it.
    private func checkPlaces(of held: [InFlightMessage]) {
        let queued = held.count { $0.state.phase == .queued }
        if queued != self.pipeline.queued.count {
            self.world.violated("\(queued) messages think they are queued, \(self.pipeline.queued.count) are")
        }
        let inRuntime = held.count { $0.state.phase == .inRuntime && !$0.isLastBeforeCrash }
        if inRuntime != self.pipeline.inRuntime.count {
            self.world.violated(
                "\(inRuntime) messages think the runtime has them, \(self.pipeline.inRuntime.count) are"
            )
        }
        var open = 0
        for message in held {
            if case .publishing(let count, _) = message.state.phase { open += count - message.retries.count }
            let isTimed = message.state.phase == .heldBack || !message.retries.isEmpty
            if isTimed, !self.pipeline.timed.contains(where: { $0 === message }) {
                self.world.violated("a message waits for a moment nobody has noted")
            }
        }
        if open != self.transport.unansweredCount {
            self.world.violated("\(open) publications open, \(self.transport.unansweredCount) unanswered")
        }
    }

    /// Nothing may be kept once nothing is held.
    func checkEmpty() {
        guard self.pipeline.table.count == 0 else {
            self.world.violated("\(self.pipeline.table.count) messages still held")
            return
        }
        if self.pipeline.heldByteCount != 0 { self.world.violated("\(self.pipeline.heldByteCount) bytes still held") }
        if activeMessages(self.metrics) != 0 { self.world.violated("active_messages did not return to 0") }
        if let deadline = self.pipeline.nextDeadline { self.world.violated("something is due at \(deadline)") }
        if self.pool.usedByteCount > self.baseByteCount {
            self.world.violated("\(self.pool.usedByteCount - self.baseByteCount) bytes are kept alive")
        }
    }

    // MARK: Ends

    func drain() {
        guard self.phase == .consuming else { return }
        self.phase = .draining
        self.pipeline.drain()
        self.world.after(.seconds(25)) { [weak self] in
            guard let self, self.phase == .draining else { return }
            self.pipeline.abandon()
            self.close()
        }
    }

    /// Killed by the system.
    func kill() {
        guard self.phase != .gone else { return }
        self.phase = .gone
        self.runtime.close()
        self.transport.die()
        self.gateway?.die()
        self.world.podEnded()
    }

    private func close() {
        self.phase = .closing
        self.runtime.close()
        self.transport.close(limit: .seconds(2))
    }

    func transportStarted() {}
    func transportFailedToStart(reason: String) {}

    func transportClosed() {
        guard self.phase == .closing else { return }
        self.phase = .gone
        self.world.podEnded()
    }

    func pipelineDrained() {
        self.checkEmpty()
        self.close()
    }

    func pipelineFailed() {
        guard self.phase != .closing else { return }
        self.pipeline.abandon()
        self.close()
    }
}
