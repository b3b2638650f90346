import ActorResource
import Logging
import Support

/// Step 3: an actor that is being deleted (operator.md 12). Every part copes with nothing having been created.
extension Reconciler {
    /// Deleting the queue is tried for this long before the finalizer goes without it (operator.md OB8).
    static let queueDeletionBudget = Duration.seconds(20)
    static let queueDeletionPause = Duration.seconds(2)

    func delete(_ observed: ObservedActor) async throws -> Outcome {
        guard observed.finalizers.contains(Self.finalizer) else {
            self.memory.forget(observed.key)
            return .done
        }
        // Explicitly, so that they are gone when `kubectl delete` returns; garbage collection would take a moment.
        for (type, name) in self.ownedObjects(observed) {
            let key = ObjectKey(namespace: observed.key.namespace, name: name)
            do {
                try await self.client.delete(type, key)
            } catch {
                let metadata: Logger.Metadata = [
                    "actor": "\(observed.key)", "kind": "\(type.kind)", "error": "\(error)",
                ]
                // The owner reference remains: garbage collection deletes it.
                self.logger.warning("cannot delete an object of a deleted actor", metadata: metadata)
            }
        }
        if self.configuration.managesQueues, let delay = await self.deleteQueue(observed) { return .later(delay) }
        let finalizers = observed.finalizers.filter { $0 != Self.finalizer }
        do {
            let written = try await self.client.mergePatch(
                .asyncActor,
                observed.key,
                [
                    "metadata": [
                        "resourceVersion": .string(observed.resourceVersion),
                        "finalizers": .array(finalizers.map(JSONValue.string)),
                    ]
                ]
            )
            if finalizers.isEmpty {
                self.caches.actors.deleted(observed.key)
            } else {
                self.caches.actors.wrote(written)
            }
        } catch let error as APIError where error.isNotFound {
            // Somebody else removed the last finalizer.
        }
        self.memory.forget(observed.key)
        // A namesake may have been told that it shares the queue.
        let group = ObjectKey(namespace: "", name: observed.key.name)
        for other in self.caches.actors.group(group) where other.key != observed.key { self.wake(other.key) }
        return .done
    }

    private func ownedObjects(_ observed: ObservedActor) -> [(ResourceType, String)] {
        var objects: [(ResourceType, String)] = []
        let name = observed.key.name
        if self.caches.scaledObjects[observed.key] != nil || observed.mayHaveUnlabelledScaledObject {
            objects.append((.scaledObject, name))
            objects.append((.triggerAuthentication, DesiredScaling.authenticationName(actor: name)))
        }
        objects.append((.deployment, name))
        return objects
    }

    /// `nil` when the finalizer may go; otherwise the time until the next try.
    private func deleteQueue(_ observed: ObservedActor) async -> Duration? {
        guard let actor = try? observed.decoded(),  // What cannot be read never had a queue.
            let transport = try? self.registry.lookUp(actor.spec.transport)  // Nor what has no transport (any more).
        else { return nil }
        let name = transport.queueName(actor: observed.key.name)
        if let other = self.namesakes(of: observed, on: transport).first {
            let text = "Queue \(name) was kept: actor \(other.key) uses it too"
            self.record(.normal("QueueKept", text), observed)
            return nil
        }
        do {
            for deletion in try await self.queues.delete(name, of: observed.key, on: transport)
            where deletion.queueName == name || deletion.messageCount > 0 {
                // An empty dead-letter queue is no news.
                self.report(deletion, observed)
            }
            return nil
        } catch {
            return self.queueDeletionFailed(name, observed, error)
        }
    }

    private func report(_ deletion: QueueService.Deletion, _ observed: ObservedActor) {
        let (name, count) = (deletion.queueName, deletion.messageCount)
        guard count > 0 else {
            self.record(.normal("QueueDeleted", "Queue \(name) deleted"), observed)
            return
        }
        self.record(.warning("QueueDeleted", "Queue \(name) deleted with \(count) messages in it"), observed)
        let metadata: Logger.Metadata = ["actor": "\(observed.key)", "queue": "\(name)", "messages": "\(count)"]
        self.logger.warning("deleted a queue that held messages", metadata: metadata)
    }

    private func queueDeletionFailed(_ name: String, _ observed: ObservedActor, _ error: any Error) -> Duration? {
        let now = ContinuousClock.now
        let started = self.memory.deletionStarted(observed.key, uid: observed.uid, now: now)
        if now - started < Self.queueDeletionBudget { return Self.queueDeletionPause }
        let text = "Queue \(name) could not be deleted and remains: \(error)"
        self.record(.warning("QueueDeleteFailed", text), observed)
        let metadata: Logger.Metadata = ["actor": "\(observed.key)", "queue": "\(name)", "error": "\(error)"]
        self.logger.error("queue could not be deleted and remains", metadata: metadata)
        return nil
    }
}
