import ActorResource
import LocalQueue

/// The queues there are, and what people mean when they name one.
struct QueueDirectory {
    let queues: [QueueStatistics]

    init(_ queues: [QueueStatistics]) {
        self.queues = queues
    }

    /// Queues that others move messages to which they give up on.
    var deadLetterQueues: [QueueStatistics] {
        let targets = Set(self.queues.compactMap(\.limits.deadLetterQueue))
        return self.queues.filter { targets.contains($0.name) }
    }

    /// The queue called `name`, else that of the actor `name`.
    func queue(_ name: String) throws(CommandFailure) -> QueueStatistics {
        if let queue = self.find(name) { return queue }
        throw self.missing("no queue and no actor is called \"\(name)\"", name, self.queues.map(\.name))
    }

    /// The dead-letter queue called `name`, else that of the queue or actor `name`.
    func deadLetterQueue(_ name: String) throws(CommandFailure) -> QueueStatistics {
        let found = self.find(name)
        if let found, self.deadLetterQueues.contains(found) { return found }
        if let target = found?.limits.deadLetterQueue, let queue = self.find(target) { return queue }
        throw self.missing("\"\(name)\" has no dead-letter queue", name, self.deadLetterQueues.map(\.name))
    }

    private func find(_ name: String) -> QueueStatistics? {
        self.queues.first { $0.name == name } ?? self.queues.first { $0.name == AsyncActor.queuePrefix + name }
    }

    private func missing(_ message: String, _ name: String, _ names: [String]) -> CommandFailure {
        let actors = names.map { $0.hasPrefix(AsyncActor.queuePrefix) ? String($0.dropFirst(5)) : $0 }
        if let similar = SpellingCheck.nearest(to: name, among: names + actors) {
            return CommandFailure(message, hints: ["did you mean \(similar)?"])
        }
        let list = names.joined(separator: ", ")
        let hint = names.isEmpty ? "there are none yet; asya up makes them" : "there are: \(list)"
        return CommandFailure(message, hints: [hint])
    }

    /// Checks that every actor of a route has its queue: a message on its way to none would be stuck.
    func checkRoute(_ actors: [String]) throws(CommandFailure) {
        for actor in actors where !self.queues.contains(where: { $0.name == AsyncActor.queuePrefix + actor }) {
            let names = self.queues.map(\.name).filter { $0.hasPrefix(AsyncActor.queuePrefix) }
            throw self.missing("there is no actor \"\(actor)\" here", actor, names)
        }
    }
}
