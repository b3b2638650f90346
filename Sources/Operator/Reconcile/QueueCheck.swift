import Logging
import QueueClient
import Support

/// Looks from time to time whether the queues of all actors are still there, and has missing ones made again
/// (operator.md 9, OB12). One look-up for all queues of a broker where it offers one; transports do not wait for each
/// other.
struct QueueCheck: Sendable {

    let interval: Duration
    let memory: ActorMemory
    let queues: QueueService
    let workQueue: WorkQueue
    let logger: Logger

    /// Checks until cancelled.
    func run() async {
        while !Task.isCancelled {
            // Spread, so that the checks of many clusters at one broker do not meet.
            do { try await Task.sleep(for: self.interval * Double.random(in: 0.9...1)) } catch { return }
            await self.checkAll()
        }
    }

    private func checkAll() async {
        let ensured = self.memory.ensuredQueues()
        // One set of credentials for each namespace.
        struct Place: Hashable {
            var transport: String
            var namespace: String
        }
        let places = Dictionary(grouping: ensured) { entry in
            Place(transport: entry.value.transport.name, namespace: entry.key.namespace)
        }
        let transports = Dictionary(grouping: places) { $0.key.transport }
        await withTaskGroup(of: Void.self) { group in
            for places in transports.values {
                group.addTask {
                    for (_, entries) in places { await self.check(entries.map { ($0.key, $0.value) }) }
                }
            }
        }
    }

    /// The queues of one namespace on one transport.
    private func check(_ entries: [(key: ObjectKey, value: ActorMemory.EnsuredQueue)]) async {
        guard let first = entries.first else { return }
        do {
            if let names = try await self.queues.allNames(namespace: first.key.namespace, on: first.value.transport) {
                for entry in entries where !names.contains(entry.value.definition.name) {
                    // A queue made a moment ago may not be listed yet: asked for by itself.
                    try await self.checkOne(entry.key, entry.value)
                }
                return
            }
        } catch {
            // No management API, or it is down: AMQP decides.
            let metadata: Logger.Metadata = ["transport": "\(first.value.transport.name)", "error": "\(error)"]
            self.logger.debug("no listing of queues, asking for each", metadata: metadata)
        }
        await self.checkEach(entries)
    }

    private func checkEach(_ entries: [(key: ObjectKey, value: ActorMemory.EnsuredQueue)]) async {
        do {
            for entry in entries { try await self.checkOne(entry.key, entry.value) }
        } catch {
            // The broker cannot be asked: the rest of its queues need not be tried now.
            guard let first = entries.first else { return }
            let metadata: Logger.Metadata = ["transport": "\(first.value.transport.name)", "error": "\(error)"]
            self.logger.warning("cannot check queues", metadata: metadata)
        }
    }

    private func checkOne(_ key: ObjectKey, _ ensured: ActorMemory.EnsuredQueue) async throws {
        let name = ensured.definition.name
        if try await self.queues.exists(name, of: key, on: ensured.transport) { return }
        self.logger.warning("queue is missing", metadata: ["actor": "\(key)", "queue": "\(name)"])
        self.memory.queueWasLost(key)
        self.workQueue.add(key)
    }
}
