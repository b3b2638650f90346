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
    /// Called when the own queue may have something to deliver.
    var becameReady: () -> Void = {}

    var isOwnQueueEmpty: Bool { self.ready.isEmpty && self.unsettled.isEmpty }

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

    /// What is left once the world is calm may only be messages that nobody can handle.
    func remaining(where isLeftover: (BrokerMessage) -> Bool) -> [BrokerMessage] {
        (self.ready + Array(self.unsettled.values)).filter(isLeftover)
    }
}
