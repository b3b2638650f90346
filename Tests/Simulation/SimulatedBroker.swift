@testable import Sidecar

/// The queues. Outlives every sidecar of a world; knows nothing of connections but who holds what.
final class SimulatedBroker {
    /// Who holds an unsettled message: tags begin anew on each connection, so both halves are needed.
    struct Holding: Hashable {
        var connection: Int
        var tag: UInt64
    }

    /// The actor's own queue.
    private(set) var ready: [BrokerMessage] = []
    private(set) var unsettled: [Holding: BrokerMessage] = [:]
    /// Messages that were acknowledged.
    private(set) var acknowledgedCount = 0
    /// Envelopes per queue.
    private(set) var stored: [String: Int] = [:]
    var missingQueues: Set<String> = []
    /// A memory alarm: publications wait, nothing else does.
    var isBlocked = false
    private var connectionCount = 0
    /// When the store may deliver a claimed message again (only with `Scenario.usesStore`).
    private var leaseEnds: [Holding: MonotonicTime] = [:]
    /// Released, but hidden for a while.
    private var delayedCount = 0
    /// Messages of the own queue whose hop was committed, by number: no number twice.
    private var committed: Set<Int> = []
    /// Called when the own queue may have something to deliver.
    var becameReady: () -> Void = {}

    var isOwnQueueEmpty: Bool { self.ready.isEmpty && self.unsettled.isEmpty && self.delayedCount == 0 }

    func newConnection() -> Int {
        self.connectionCount += 1
        return self.connectionCount
    }

    func put(_ message: BrokerMessage) {
        self.ready.append(message)
        self.becameReady()
    }

    func unsettledCount(of connection: Int) -> Int {
        self.unsettled.keys.reduce(0) { $0 + ($1.connection == connection ? 1 : 0) }
    }

    func take(_ holding: Holding) -> BrokerMessage? {
        guard !self.ready.isEmpty else { return nil }
        var message = self.ready.removeFirst()
        message.deliveryCount += 1
        self.unsettled[holding] = message
        return message
    }

    /// Returns false when nothing was held under this tag.
    func acknowledge(_ holding: Holding) -> Bool {
        guard self.unsettled.removeValue(forKey: holding) != nil else { return false }
        self.acknowledgedCount += 1
        return true
    }

    func release(_ holding: Holding) -> Bool {
        guard let message = self.unsettled.removeValue(forKey: holding) else { return false }
        // As RabbitMQ: back to its old place, which is the front.
        self.ready.insert(message, at: 0)
        self.becameReady()
        return true
    }

    /// The connection is gone: its deliveries go back.
    func requeue(connection: Int) {
        let lost = self.unsettled.filter { $0.key.connection == connection }
            .sorted { $0.key.tag < $1.key.tag }
        for (holding, _) in lost { self.unsettled[holding] = nil }
        self.ready.insert(contentsOf: lost.map(\.value), at: 0)
        if !lost.isEmpty { self.becameReady() }
    }

    func store(in queueName: String) {
        self.stored[queueName, default: 0] += 1
    }

    // MARK: As a store with leases

    func claim(_ holding: Holding, until leaseEnd: MonotonicTime) -> BrokerMessage? {
        guard let message = self.take(holding) else { return nil }
        self.leaseEnds[holding] = leaseEnd
        return message
    }

    /// Returns false when the message is no longer held under this tag.
    func renew(_ holding: Holding, until leaseEnd: MonotonicTime) -> Bool {
        guard self.unsettled[holding] != nil else { return false }
        self.leaseEnds[holding] = leaseEnd
        return true
    }

    func isHeld(_ holding: Holding) -> Bool { self.unsettled[holding] != nil }

    /// Removes the message and stores what was derived from it. Returns false when that had been done before.
    func commit(_ holding: Holding, queueNames: [String]) -> Bool {
        guard let message = self.unsettled.removeValue(forKey: holding) else { return false }
        self.leaseEnds[holding] = nil
        self.acknowledgedCount += 1
        for name in queueNames { self.store(in: name) }
        return self.committed.insert(message.number).inserted
    }

    /// Hides the message until `reappears` is called.
    func hide(_ holding: Holding) -> BrokerMessage? {
        self.leaseEnds[holding] = nil
        guard let message = self.unsettled.removeValue(forKey: holding) else { return nil }
        self.delayedCount += 1
        return message
    }

    func reappears(_ message: BrokerMessage) {
        self.delayedCount -= 1
        self.put(message)
    }

    /// Messages whose lease is over are ready again.
    func endLeases(now: MonotonicTime) {
        let over = self.leaseEnds.filter { $0.value <= now }.keys.sorted { $0.tag < $1.tag }
        for holding in over {
            self.leaseEnds[holding] = nil
            if let message = self.unsettled.removeValue(forKey: holding) { self.ready.append(message) }
        }
        if !over.isEmpty { self.becameReady() }
    }

    /// What is left once the world is calm may only be messages that nobody can handle.
    func remaining(where isLeftover: (BrokerMessage) -> Bool) -> [BrokerMessage] {
        (self.ready + Array(self.unsettled.values)).filter(isLeftover)
    }
}
