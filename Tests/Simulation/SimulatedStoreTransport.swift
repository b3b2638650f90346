import Traces

@testable import Sidecar

/// A transport over a store that outlives the sidecar, as the embedded one: a hop is one transaction, a held message
/// has a lease. What must hold: nothing is committed twice, nothing is stored for a message that is not ours.
final class SimulatedStoreTransport: SimulatedNeighbour {
    static let visibility = Duration.seconds(8)
    private static let renewalInterval = Duration.seconds(1)

    private struct Group {
        var hop: Hop
        var publications: [SimulatedPublication]
    }

    private struct Transaction {
        var groups: [Group] = []
        var acknowledged: [UInt64] = []
        var released: [(tag: UInt64, delay: Duration)] = []
        var renewals: [LeaseTable.Renewal] = []
        var isEmpty: Bool {
            self.groups.isEmpty && self.acknowledged.isEmpty && self.released.isEmpty && self.renewals.isEmpty
        }
    }

    weak var events: (any TransportEvents)?
    unowned let world: World
    let pool: SlabPool
    var recordOfToken: (UInt64) -> DeliveryRecord? = { _ in nil }
    var delivered: (ByteSlab, DeliveryRecord) -> Void = { _, _ in }
    var order = HandOverOrder()
    private(set) var unansweredCount = 0
    private(set) var isClosed = false

    private let connection: Int
    private var nextTag: UInt64 = 1
    var isReceiving = false
    var window = 0
    var isPaused = false
    var arrived: [(message: BrokerMessage, tag: UInt64)] = []
    var reported: [UInt64: DeliveryRecord] = [:]
    private var leases: LeaseTable
    private var staged = Transaction()
    /// The store works on one transaction at a time.
    private var storeClear = MonotonicTime(nanoseconds: 0)
    /// Another process holds the store's lock until then.
    private var busyUntil = MonotonicTime(nanoseconds: 0)
    private var isDiskFull = false

    init(world: World, pool: SlabPool) {
        self.world = world
        self.pool = pool
        self.connection = world.broker.newConnection()
        self.leases = LeaseTable(
            limits: .init(visibility: Self.visibility, maximumHold: .seconds(120), batchCount: 10)
        )
        self.watchLeases()
    }

    var isConnected: Bool { !self.isClosed }
    var hasUnflushedWork: Bool { !self.staged.isEmpty }
    var generation: UInt32 { 1 }
    var countsDeliveries: Bool { true }
    var canPublish: Bool { !self.isDiskFull && !self.isClosed }
    var groupsHops: Bool { true }
    var canDelayRelease: Bool { true }
    var deadLettersByItself: Bool { true }

    func stopReceiving() {
        self.isReceiving = false
        self.isPaused = false
        for (_, tag) in self.arrived { self.staged.released.append((tag, .zero)) }
        self.arrived = []
    }

    func setRuntimeAlive(_ isAlive: Bool) { self.leases.isRuntimeAlive = isAlive }

    // MARK: Deliveries

    func deliver() {
        guard self.isReceiving, !self.isClosed else { return }
        self.world.at(max(self.world.now, self.busyUntil)) { [weak self] in self?.claim() }
    }

    private func claim() {
        guard self.isReceiving, !self.isClosed else { return }
        while self.reported.count + self.arrived.count < self.window {
            let tag = self.nextTag
            let end = self.world.now + Self.visibility
            guard let message = self.world.broker.claim(self.holding(tag), until: end) else { break }
            self.nextTag += 1
            self.world.at(end) { [world] in world.broker.endLeases(now: world.now) }
            self.leases.took(Receipt(generation: 1, tag: tag), requestedAt: self.world.now)
            self.arrived.append((message, tag))
        }
        self.world.after(self.world.dice.microseconds(20...2000)) { [weak self] in self?.reportArrived() }
    }

    private func holding(_ tag: UInt64) -> SimulatedBroker.Holding {
        SimulatedBroker.Holding(connection: self.connection, tag: tag)
    }

    // MARK: Transactions

    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        trace: TraceHeaders?,
        token: UInt64,
        hop: Hop
    ) {
        let judged = self.judge(body, to: destination, messageID: messageID, token: token, hop: hop)
        guard let publication = judged else { return }
        self.unansweredCount += 1
        if let index = self.staged.groups.firstIndex(where: { $0.hop == hop }) {
            self.staged.groups[index].publications.append(publication)
        } else {
            self.staged.groups.append(Group(hop: hop, publications: [publication]))
        }
    }

    func acknowledge(_ receipt: Receipt) {
        guard let record = self.settle(receipt) else { return }
        if let objection = record.objection(scenario: self.world.scenario, isEndActor: self.world.isEndActor) {
            self.world.violated("message \(record.message.number) acknowledged although \(objection)")
        }
        self.staged.acknowledged.append(receipt.tag)
    }

    func release(_ receipt: Receipt, after delay: Duration) {
        guard self.settle(receipt) != nil else { return }
        self.staged.released.append((receipt.tag, delay))
    }

    private func settle(_ receipt: Receipt) -> DeliveryRecord? {
        guard !self.isClosed else {
            self.world.violated("a delivery was settled after the transport was closed")
            return nil
        }
        self.leases.settled(receipt)
        guard let record = self.reported.removeValue(forKey: receipt.tag) else {
            self.world.violated("delivery \(receipt.tag) was settled twice")
            return nil
        }
        return record
    }

    func flush() {
        guard !self.staged.isEmpty else { return }
        let transaction = self.staged
        self.staged = Transaction()
        for group in transaction.groups where group.publications.count != group.hop.publicationCount {
            self.world.violated("\(group.publications.count) of \(group.hop.publicationCount) of a hop handed over")
        }
        let sentAt = self.world.now
        self.storeClear = max(self.storeClear, sentAt + self.world.dice.microseconds(50...4000))
        self.whenFree(after: self.storeClear) { [self] in
            // A transaction that has begun does not hear of the sidecar's death.
            self.execute(transaction, sentAt: sentAt)
        }
    }

    private func whenFree(after time: MonotonicTime, _ work: @escaping () -> Void) {
        self.world.at(max(time, self.busyUntil)) { [self] in
            if self.isDead { return }
            if self.busyUntil > self.world.now { self.whenFree(after: self.busyUntil, work) } else { work() }
        }
    }

    private func execute(_ transaction: Transaction, sentAt: MonotonicTime) {
        let broker = self.world.broker
        broker.endLeases(now: self.world.now)
        let outcomes = transaction.groups.map { ($0, self.commit($0)) }
        for tag in transaction.acknowledged where broker.isHeld(self.holding(tag)) {
            if !broker.commit(self.holding(tag), queueNames: []) { self.world.violated("a message was settled twice") }
        }
        for (tag, delay) in transaction.released { self.hide(tag, for: delay) }
        self.renew(transaction.renewals, sentAt: sentAt)
        // Killed before it heard of its success: nobody may notice.
        let answerTime = self.world.now + self.world.dice.microseconds(10...2000)
        self.storeClear = max(self.storeClear, answerTime)
        self.world.at(answerTime) { [weak self] in
            guard let self, !self.isDead else { return }
            for (group, outcome) in outcomes { self.report(group, outcome) }
            self.deliver()
        }
    }

    private func commit(_ group: Group) -> PublicationOutcome {
        let broker = self.world.broker
        let faults = self.world.faults
        let holding = self.holding(group.hop.receipt.tag)
        let names = group.publications.map(\.queueName)
        if self.isDiskFull { return .refused(.refusedByBroker) }
        if !broker.isHeld(holding) { return .refused(.deliveryLost) }
        if names.contains(where: broker.missingQueues.contains) { return .refused(.destinationMissing) }
        if self.world.dice.happens(faults.tooLarge) { return .refused(.tooLarge) }
        if self.world.dice.happens(faults.nack) { return .refused(.refusedByBroker) }
        if !broker.commit(holding, queueNames: names) { self.world.violated("a hop was committed twice") }
        return .accepted
    }

    private func report(_ group: Group, _ outcome: PublicationOutcome) {
        if outcome == .refused(.deliveryLost) { self.lost(group.hop.receipt) }
        for publication in group.publications {
            publication.note(outcome)
            guard !self.isClosed else { continue }
            self.unansweredCount -= 1
            self.events?.publicationSettled(token: publication.token, outcome: outcome)
        }
    }

    private func hide(_ tag: UInt64, for delay: Duration) {
        guard let message = self.world.broker.hide(self.holding(tag)) else { return }
        self.world.after(delay) { [world] in world.broker.reappears(message) }
    }

    // MARK: Leases

    private func watchLeases() {
        self.world.after(Self.renewalInterval) { [weak self] in
            guard let self, !self.isClosed else { return }
            var batch = self.leases.renewals(now: self.world.now)
            while !batch.isEmpty {
                self.staged.renewals.append(contentsOf: batch)
                batch = self.leases.renewals(now: self.world.now)
            }
            self.watchLeases()
        }
    }

    private func renew(_ renewals: [LeaseTable.Renewal], sentAt: MonotonicTime) {
        for renewal in renewals {
            let end = sentAt + renewal.visibility
            if self.world.broker.renew(self.holding(renewal.receipt.tag), until: end) {
                self.world.at(end) { [world] in world.broker.endLeases(now: world.now) }
                self.leases.renewed(renewal.receipt, requestedAt: sentAt)
            } else if self.leases.holds(renewal.receipt) {
                self.world.soon { [weak self] in
                    guard let self, !self.isClosed, self.leases.holds(renewal.receipt) else { return }
                    self.lost(renewal.receipt)
                }
            }
        }
    }

    /// Somebody else has the message, or will have it.
    private func lost(_ receipt: Receipt) {
        self.leases.settled(receipt)
        self.arrived.removeAll { $0.1 == receipt.tag }
        guard self.reported.removeValue(forKey: receipt.tag) != nil else { return }
        self.events?.deliveryForgotten(receipt)
    }

    // MARK: Life

    private var isDead = false

    /// The store is locked by another process, sometimes for longer than a lease.
    func loseConsumer(for duration: Duration) { self.busyUntil = self.world.now + duration * 5 }

    /// The disk is full.
    func losePublisher(for duration: Duration) { self.fillDisk(for: duration) }
    func congest(for duration: Duration) { self.fillDisk(for: duration) }
    func announceBlocked(_ isBlocked: Bool) {}

    private func fillDisk(for duration: Duration) {
        guard !self.isDiskFull, !self.isClosed else { return }
        self.isDiskFull = true
        self.events?.publishingAvailabilityChanged()
        self.world.after(duration) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.isDiskFull = false
            self.events?.publishingAvailabilityChanged()
        }
    }

    func close(limit: Duration) {
        guard !self.isClosed else { return }
        self.flush()
        self.isClosed = true
        self.isReceiving = false
        self.world.at(min(max(self.storeClear, self.world.now), self.world.now + limit) + .milliseconds(3)) {
            [weak self] in self?.events?.transportClosed()
        }
    }

    func die() {
        self.isClosed = true
        self.isDead = self.world.dice.happens(0.5)
    }
}
