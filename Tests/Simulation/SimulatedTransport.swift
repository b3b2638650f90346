@testable import Sidecar

/// A transport with two connections, as the one to RabbitMQ: one consumes and settles, the other publishes. Either may
/// be lost at any moment, together with what is under way on it.
final class SimulatedTransport: SimulatedNeighbour {
    weak var events: (any TransportEvents)?
    unowned let world: World
    let pool: SlabPool
    /// The delivery that a publication's token belongs to.
    var recordOfToken: (UInt64) -> DeliveryRecord? = { _ in nil }
    /// Tells that the bytes of a slab are those of a delivery.
    var delivered: (ByteSlab, DeliveryRecord) -> Void = { _, _ in }

    // Consuming.
    private var connection: Int
    private(set) var generation: UInt32 = 1
    private var nextTag: UInt64 = 1
    private var isConsumerUp = true
    var isReceiving = false
    var window = 0
    var isPaused = false
    var arrived: [(message: BrokerMessage, tag: UInt64)] = []
    var reported: [UInt64: DeliveryRecord] = [:]
    private var stagedSettlements: [(tag: UInt64, isAcknowledged: Bool)] = []
    /// Earliest moment at which the next thing on a connection may arrive: bytes keep their order.
    private var inboundClear = MonotonicTime(nanoseconds: 0)
    private var settlementClear = MonotonicTime(nanoseconds: 0)

    // Publishing (SimulatedTransport+Publishing).
    var isPublisherUp = true
    var publisherEpoch = 0
    var isCongested = false
    var isBlockAnnounced = false
    var stagedPublications: [SimulatedPublication] = []
    var outstanding: [Int: SimulatedPublication] = [:]
    var publicationCount = 0
    /// Publications the sidecar has had no answer to.
    var unansweredCount = 0
    var publicationClear = MonotonicTime(nanoseconds: 0)
    var order = HandOverOrder()

    private(set) var isClosed = false

    init(world: World, pool: SlabPool) {
        self.world = world
        self.pool = pool
        self.connection = world.broker.newConnection()
    }

    var isConnected: Bool { self.isConsumerUp && !self.isClosed }
    var countsDeliveries: Bool { self.world.scenario.countsDeliveries }
    /// Whether the sidecar left something behind that no `flush` will send.
    var hasUnflushedWork: Bool { !self.stagedSettlements.isEmpty || !self.stagedPublications.isEmpty }

    // MARK: Deliveries

    func stopReceiving() {
        self.isReceiving = false
        // Deliveries on their way are the transport's to release.
        let waiting = self.arrived
        self.arrived = []
        for (_, tag) in waiting { self.stagedSettlements.append((tag, false)) }
    }

    /// The broker sends as much as the window allows.
    func deliver() {
        guard self.isReceiving, self.isConsumerUp, !self.isClosed else { return }
        while self.world.broker.unsettledCount(of: self.connection) < self.window {
            let tag = self.nextTag
            let holding = SimulatedBroker.Holding(connection: self.connection, tag: tag)
            guard let message = self.world.broker.take(holding) else { return }
            self.nextTag += 1
            let connection = self.connection
            // Deliveries often come several in one read.
            let delay = self.world.dice.happens(0.5) ? .zero : self.world.dice.microseconds(50...3000)
            self.inboundClear = max(self.inboundClear, self.world.now + delay)
            self.world.at(self.inboundClear) { [weak self] in
                guard let self, self.connection == connection, self.isConsumerUp else { return }
                guard self.isReceiving else {
                    self.stagedSettlements.append((tag, false))
                    self.sendSettlements()
                    return
                }
                self.arrived.append((message, tag))
                self.reportArrived()
            }
        }
    }

    // MARK: Settlement

    func acknowledge(_ receipt: Receipt) {
        guard let record = self.settle(receipt) else { return }
        if let objection = record.objection(scenario: self.world.scenario, isEndActor: self.world.isEndActor) {
            self.world.violated("message \(record.message.number) acknowledged although \(objection)")
        }
        self.stagedSettlements.append((receipt.tag, true))
    }

    var groupsHops: Bool { false }
    var canDelayRelease: Bool { false }
    var deadLettersByItself: Bool { false }
    func setRuntimeAlive(_ isAlive: Bool) {}

    func release(_ receipt: Receipt, after delay: Duration) {
        guard self.settle(receipt) != nil else { return }
        self.stagedSettlements.append((receipt.tag, false))
    }

    private func settle(_ receipt: Receipt) -> DeliveryRecord? {
        guard !self.isClosed else {
            self.world.violated("a delivery was settled after the transport was closed")
            return nil
        }
        guard receipt.generation == self.generation else {
            self.world.violated("a receipt of generation \(receipt.generation) was used in \(self.generation)")
            return nil
        }
        guard let record = self.reported.removeValue(forKey: receipt.tag) else {
            self.world.violated("delivery \(receipt.tag) was settled twice")
            return nil
        }
        return record
    }

    func flush() {
        self.sendSettlements()
        self.sendPublications()
    }

    private func sendSettlements() {
        let settlements = self.stagedSettlements
        self.stagedSettlements = []
        guard !settlements.isEmpty, self.isConsumerUp else { return }
        let connection = self.connection
        self.settlementClear = max(
            self.settlementClear,
            self.world.now + self.world.dice.microseconds(20...4000)
        )
        let broker = self.world.broker
        self.world.at(self.settlementClear) { [weak self, unowned world] in
            // On a connection that was lost meanwhile the broker has put everything back: nothing is held there.
            for settlement in settlements {
                let holding = SimulatedBroker.Holding(connection: connection, tag: settlement.tag)
                let isKnown = settlement.isAcknowledged ? broker.acknowledge(holding) : broker.release(holding)
                if !isKnown, let self, self.connection == connection, !self.isClosed {
                    world.violated("the broker does not know delivery \(settlement.tag)")
                }
            }
            self?.deliver()
        }
    }

    // MARK: Life

    /// The consuming connection is lost with everything under way on it.
    func loseConsumer(for duration: Duration) {
        guard self.isConsumerUp, !self.isClosed else { return }
        let lost = self.connection
        self.isConsumerUp = false
        self.arrived = []
        self.reported = [:]
        self.stagedSettlements = []
        self.connection = self.world.broker.newConnection()
        self.generation += 1
        self.nextTag = 1
        self.events?.deliveriesForgotten(upToGeneration: self.generation - 1)
        self.world.broker.requeue(connection: lost)
        self.world.after(duration) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.isConsumerUp = true
            self.deliver()
        }
    }

    func close(limit: Duration) {
        guard !self.isClosed else { return }
        self.flush()
        self.isClosed = true
        self.isReceiving = false
        let isOrderly = self.isConsumerUp && self.world.dice.happens(0.9)
        let end = isOrderly ? max(self.settlementClear, self.world.now) : self.world.now
        self.world.at(min(end + .milliseconds(1), self.world.now + limit)) { [weak self] in
            guard let self else { return }
            self.world.broker.requeue(connection: self.connection)
            self.events?.transportClosed()
        }
    }

    /// The process was killed: no event, no farewell.
    func die() {
        self.isClosed = true
        self.world.broker.requeue(connection: self.connection)
        self.losePublisherSilently()
    }
}
