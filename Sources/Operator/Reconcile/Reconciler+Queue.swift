import ActorResource
import QueueClient
import Support

/// Step 6: the actor's queue (operator.md 9).
extension Reconciler {
    /// AWS refuses a name for 60 s after its deletion.
    static let deletedRecentlyDelay = Duration.seconds(65)

    /// Makes the queue, unless it was made with the same settings before: then only the periodic check looks at it.
    func ensureQueue(_ run: inout Run, _ transport: TransportDefinition) async throws {
        let definition = QueueTopology.definition(
            actor: run.key,
            processingTimeout: run.actor.spec.timeout.processing,
            transport: transport
        )
        let wanted = ActorMemory.EnsuredQueue(transport: transport, definition: definition)
        let known = self.memory.entry(run.key, uid: run.observed.uid)
        if known.ensured != wanted {
            try await self.ensure(wanted, &run, wasLost: known.lostQueue)
        }
        self.reportNamesake(&run, transport)
    }

    private func ensure(_ wanted: ActorMemory.EnsuredQueue, _ run: inout Run, wasLost: Bool) async throws {
        let name = wanted.definition.name
        do {
            try await self.queues.ensure(wanted.definition, of: run.key, on: wanted.transport)
        } catch {
            let problem = (error as? QueueProblem) ?? QueueProblem(.error, "\(error)")
            run.conditions[.transport] = .failed(.transport, problem.reason.rawValue, problem.description)
            if problem.postponed == nil {
                self.record(.warning(problem.eventReason, problem.description), run.observed)
            }
            throw problem
        }
        self.memory.change(run.key, uid: run.observed.uid) { entry in
            entry.ensured = wanted
            entry.lostQueue = false
        }
        // After a restart of the operator every queue is made sure of once; that is no news.
        if wasLost {
            self.record(.normal("QueueRecreated", "Queue \(name) was missing and has been made again"), run.observed)
        } else if run.observed.decodedStatus()["observedGeneration"] == nil {
            self.record(.normal("QueueCreated", "Queue \(name) is ready"), run.observed)
        }
    }

    /// Two actors of one name and transport share a queue (operator.md OB7): the younger one is told.
    private func reportNamesake(_ run: inout Run, _ transport: TransportDefinition) {
        guard let older = self.olderNamesake(of: run.observed, transport) else { return }
        let text =
            "queue \(transport.queueName(actor: run.key.name)) is shared with the older actor \(older) of the same name"
        self.record(.warning("QueueNameConflict", text), run.observed)
        if var condition = run.conditions[.transport], condition.isTrue {
            condition.message += "; \(text)"
            run.conditions[.transport] = condition
        }
    }

    private func olderNamesake(of observed: ObservedActor, _ transport: TransportDefinition) -> ObjectKey? {
        self.namesakes(of: observed, on: transport)
            .filter { ($0.creationTimestamp, $0.key) < (observed.creationTimestamp, observed.key) }
            .map(\.key).min()
    }

    /// Other live actors whose queue has the same name on the same broker.
    func namesakes(of observed: ObservedActor, on transport: TransportDefinition) -> [ObservedActor] {
        let group = ObjectKey(namespace: "", name: observed.key.name)
        return self.caches.actors.group(group).filter { other in
            guard other.key != observed.key, !other.isDeleting else { return false }
            // Two names of transports may mean one broker.
            guard let name = (try? other.decoded())?.spec.transport,  // What cannot be read has no queue.
                let theirs = try? self.registry.lookUp(name)  // Nor has what has no transport.
            else { return false }
            return theirs.sharesBroker(with: transport)
        }
    }
}

extension TransportDefinition {
    /// Whether queues of the same name are the same queue.
    func sharesBroker(with other: TransportDefinition) -> Bool {
        guard self.queues.prefix == other.queues.prefix else { return false }
        switch (self.broker, other.broker) {
        case (.rabbitMQ(let left), .rabbitMQ(let right)):
            return left.host == right.host && left.port == right.port && left.virtualHost == right.virtualHost
        case (.sqs(let left), .sqs(let right)):
            return left.region == right.region && left.accountID == right.accountID && left.endpoint == right.endpoint
        case (.rabbitMQ, .sqs), (.sqs, .rabbitMQ): return false
        }
    }
}
