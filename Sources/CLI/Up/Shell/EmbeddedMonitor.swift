import LocalQueue

/// The queues in the SQLite file, read over a connection of its own on the main thread: a look takes microseconds and
/// waits for nobody, since readers of a write-ahead log do not.
final class EmbeddedMonitor: QueueMonitor {
    /// After so many deliveries without an end (each a crash of the whole pair) a message goes to `asya-<actor>-dlq`.
    static let maxRetryCount = 10
    /// The bell keeps a limited number of FIFOs open; further queues are looked at regularly.
    private static let bellLimit = 100

    private let queue: LocalQueue
    private let bell: QueueBell
    private var watched: [(name: String, descriptor: Int32)] = []
    private(set) var isImmediate = true

    init(path: String) throws(UpError) {
        do throws(LocalQueueError) {
            self.queue = try LocalQueue(path: path)
        } catch {
            throw UpError("\(error)")
        }
        self.bell = QueueBell(path: path)
    }

    func create(_ queueNames: [String]) throws(UpError) {
        do throws(LocalQueueError) {
            for name in queueNames {
                let limits = QueueLimits(maxRetryCount: Self.maxRetryCount, deadLetterQueue: "\(name)-dlq")
                try self.queue.createQueue(name, limits: limits)
            }
        } catch {
            throw UpError("\(error)")
        }
    }

    func readings(of queueNames: [String]) throws(UpError) -> [QueueReading] {
        let all: [QueueStatistics]
        do throws(LocalQueueError) {
            all = try self.queue.statistics()
        } catch {
            throw UpError("\(error)")
        }
        var byName: [String: QueueStatistics] = [:]
        for statistics in all { byName[statistics.name] = statistics }
        return queueNames.map { name in
            let statistics = byName[name]
            return QueueReading(
                queued: (statistics?.readyCount ?? 0) + (statistics?.delayedCount ?? 0),
                inFlight: statistics?.inFlightCount ?? 0,
                acknowledged: statistics?.acknowledgedTotal ?? 0
            )
        }
    }

    func watch(_ queueNames: [String]) {
        self.watched = queueNames.prefix(Self.bellLimit).compactMap { name in
            self.bell.listen(name).map { (name, $0) }
        }
        self.isImmediate = self.watched.count == queueNames.count
    }

    var descriptors: [Int32] { self.watched.map(\.descriptor) }

    func arrivals(on descriptors: Set<Int32>) -> [String] {
        self.watched.filter { descriptors.contains($0.descriptor) }.map { watched in
            self.bell.drain(watched.name)
            return watched.name
        }
    }

    /// Old hops and free pages, a little at a time.
    func maintain() {
        // What cannot be tidied up now is tidied up later; it has no effect on messages.
        _ = try? self.queue.maintain()
    }

    /// The connection goes with the object.
    func close() {}
}
