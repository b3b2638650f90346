import Glibc
import QueueClient
import Synchronization

/// The queues of a broker. A task of its own reads their depths over and over; the main thread only ever takes the
/// latest numbers, so a slow broker never keeps `asya up` from its processes.
final class BrokerMonitor: QueueMonitor {
    /// Between two looks at all queues: what an actor at zero waits for its first message at most.
    static let defaultInterval: Duration = .milliseconds(500)
    /// Making a queue, or the first look, takes this long at most.
    static let defaultPatience: Duration = .seconds(30)

    /// What the task has found out.
    private struct Latest {
        var counts: [String: QueueCounts] = [:]
        var problem: String?
        var isCreated = false
    }

    private let latest = Shared(Latest())
    private var task: Task<Void, Never>?
    private let administration: any QueueAdministration
    private let interval: Duration
    private let patience: Duration
    private let deadLetter: (String) -> DeadLetterDefinition?

    /// - Parameter deadLetter: the dead-letter queue of a queue.
    init(
        _ administration: any QueueAdministration,
        interval: Duration = BrokerMonitor.defaultInterval,
        patience: Duration = BrokerMonitor.defaultPatience,
        deadLetter: @escaping (String) -> DeadLetterDefinition?
    ) {
        self.administration = administration
        self.interval = interval
        self.patience = patience
        self.deadLetter = deadLetter
    }

    /// A value that the task and the main thread share.
    private final class Shared: Sendable {
        private let value: Mutex<Latest>

        init(_ value: Latest) {
            self.value = Mutex(value)
        }

        func with<Result: Sendable>(_ body: @Sendable (inout Latest) -> Result) -> Result {
            self.value.withLock { body(&$0) }
        }
    }

    func create(_ queueNames: [String]) throws(UpError) {
        let definitions = queueNames.map { QueueDefinition(name: $0, deadLetter: self.deadLetter($0)) }
        self.task = Self.follow(definitions, self.administration, self.latest, interval: self.interval)
        try self.waitUntilCreated()
    }

    func readings(of queueNames: [String]) throws(UpError) -> [QueueReading] {
        let (counts, problem) = self.latest.with { ($0.counts, $0.problem) }
        if let problem { throw UpError(problem) }
        return queueNames.map { name in
            QueueReading(queued: counts[name]?.ready ?? 0, inFlight: counts[name]?.inFlight, acknowledged: nil)
        }
    }

    func watch(_ queueNames: [String]) {}

    var isImmediate: Bool { false }

    var descriptors: [Int32] { [] }

    func arrivals(on descriptors: Set<Int32>) -> [String] { [] }

    func maintain() {}

    func close() {
        self.task?.cancel()
        let administration = self.administration
        Task.detached { await administration.close() }
    }

    private func waitUntilCreated() throws(UpError) {
        let limit = MonotonicClock.now + self.patience
        while MonotonicClock.now < limit {
            let (isCreated, problem) = self.latest.with { ($0.isCreated, $0.problem) }
            if isCreated { return }
            if let problem { throw UpError(problem) }
            usleep(5000)
        }
        throw UpError("the broker did not answer within \(self.patience.components.seconds) s")
    }

    private static func follow(
        _ definitions: [QueueDefinition],
        _ administration: any QueueAdministration,
        _ latest: Shared,
        interval: Duration
    ) -> Task<Void, Never> {
        let queueNames = definitions.map(\.name)
        return Task.detached {
            guard await Self.create(definitions, administration, latest) else { return }
            while !Task.isCancelled {
                await Self.look(queueNames, administration, latest)
                // Cancelled while sleeping: the loop's condition ends it.
                try? await Task.sleep(for: interval)
            }
        }
    }

    private static func create(
        _ definitions: [QueueDefinition],
        _ administration: any QueueAdministration,
        _ latest: Shared
    ) async -> Bool {
        do {
            for definition in definitions { try await administration.declare(definition) }
            latest.with { $0.isCreated = true }
            return true
        } catch {
            latest.with { [text = "\(error)"] in $0.problem = "cannot make the queues: \(text)" }
            return false
        }
    }

    private static func look(
        _ queueNames: [String],
        _ administration: any QueueAdministration,
        _ latest: Shared
    ) async {
        do {
            var counts: [String: QueueCounts] = [:]
            for name in queueNames { counts[name] = try await administration.counts(of: name) }
            latest.with { [counts] in
                $0.counts = counts
                $0.problem = nil
            }
        } catch {
            latest.with { [text = "\(error)"] in $0.problem = "cannot read the queues: \(text)" }
        }
    }
}
