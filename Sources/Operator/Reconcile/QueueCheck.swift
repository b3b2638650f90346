import Logging
import QueueClient
import Support

/// Looks from time to time whether the queues of all actors are still there, and has missing ones made again
/// (operator.md 9, OB12). One look-up for all queues of a broker where it offers one. Each transport has a rhythm of its
/// own: a broker that does not answer holds up the checks of no other.
struct QueueCheck: Sendable {
    let interval: Duration
    let transportNames: [String]
    let memory: ActorMemory
    let queues: QueueService
    let workQueue: WorkQueue
    let logger: Logger

    /// Checks until cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for name in self.transportNames { group.addTask { await self.run(transport: name) } }
        }
    }

    private func run(transport name: String) async {
        while !Task.isCancelled {
            // Spread, so that the checks of many clusters at one broker do not meet.
            do { try await Task.sleep(for: self.interval * Double.random(in: 0.9...1)) } catch { return }
            let entries = self.memory.ensuredQueues(transport: name).map { Entry(key: $0.key, ensured: $0.value) }
            for entries in await self.byLogin(entries) { await self.check(entries) }
        }
    }

    /// A queue that was made for an actor.
    private struct Entry {
        var key: ObjectKey
        var ensured: ActorMemory.EnsuredQueue
    }

    /// Namespaces whose Secrets say the same are asked about together.
    private func byLogin(_ entries: [Entry]) async -> [[Entry]] {
        var logins: [QueueService.Login: [Entry]] = [:]
        for (namespace, entries) in Dictionary(grouping: entries, by: \.key.namespace) {
            guard let transport = entries.first?.ensured.transport else { continue }
            do {
                let login = try await self.queues.login(namespace: namespace, on: transport)
                logins[login, default: []] += entries
            } catch {
                let metadata: Logger.Metadata = ["transport": "\(transport.name)", "error": "\(error)"]
                self.logger.warning("cannot check queues", metadata: metadata)
            }
        }
        return Array(logins.values)
    }

    /// The queues of one login on one transport.
    private func check(_ entries: [Entry]) async {
        guard let first = entries.first else { return }
        do {
            if let names = try await self.queues.allNames(namespace: first.key.namespace, on: first.ensured.transport) {
                for entry in entries where !names.contains(entry.ensured.definition.name) {
                    // A queue made a moment ago may not be listed yet: asked for by itself.
                    try await self.checkOne(entry.key, entry.ensured)
                }
                return
            }
        } catch {
            // No management API, or it is down: AMQP decides.
            let metadata: Logger.Metadata = ["transport": "\(first.ensured.transport.name)", "error": "\(error)"]
            self.logger.debug("no listing of queues, asking for each", metadata: metadata)
        }
        await self.checkEach(entries)
    }

    private func checkEach(_ entries: [Entry]) async {
        do {
            for entry in entries { try await self.checkOne(entry.key, entry.ensured) }
        } catch {
            // The broker cannot be asked: the rest of its queues need not be tried now.
            guard let first = entries.first else { return }
            let metadata: Logger.Metadata = ["transport": "\(first.ensured.transport.name)", "error": "\(error)"]
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
