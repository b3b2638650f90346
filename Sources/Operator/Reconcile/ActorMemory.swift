import QueueClient
import Synchronization

/// What the operator remembers about actors between reconciles and can find out again: lost at a restart without harm.
final class ActorMemory: Sendable {
    /// About one actor.
    struct Entry: Equatable, Sendable {
        /// The object these facts belong to.
        var uid = ""
        /// The queue as it was last made or checked: not looked at again until it changes or the periodic check finds
        /// it missing.
        var ensured: EnsuredQueue?
        /// Fields of the pod spec that this API server refused.
        var unknownFields: [String] = []
        /// Whether the queue was found missing after it had been there.
        var lostQueue = false
        /// When the first try to delete the queue began.
        var deletionStart: ContinuousClock.Instant?
    }

    /// A queue and the settings it was made with.
    struct EnsuredQueue: Equatable, Sendable {
        var transport: TransportDefinition
        var definition: QueueDefinition
    }

    private let entries = Mutex<[ObjectKey: Entry]>([:])

    /// What is known; nothing for an object of another identity.
    func entry(_ key: ObjectKey, uid: String) -> Entry {
        self.entries.withLock { entries in
            if let entry = entries[key], entry.uid == uid { return entry }
            let entry = Entry(uid: uid)
            entries[key] = entry
            return entry
        }
    }

    /// Changes what is known.
    func change(_ key: ObjectKey, uid: String, _ body: (inout Entry) -> Void) {
        self.entries.withLock { entries in
            var entry = entries[key].flatMap { $0.uid == uid ? $0 : nil } ?? Entry(uid: uid)
            body(&entry)
            entries[key] = entry
        }
    }

    /// When deleting the queue was tried first.
    func deletionStarted(_ key: ObjectKey, uid: String, now: ContinuousClock.Instant) -> ContinuousClock.Instant {
        var start = now
        self.change(key, uid: uid) { entry in
            start = entry.deletionStart ?? now
            entry.deletionStart = start
        }
        return start
    }

    /// The queue of an actor was found missing: the next reconcile makes it again.
    func queueWasLost(_ key: ObjectKey) {
        self.entries.withLock { entries in
            entries[key]?.ensured = nil
            entries[key]?.lostQueue = true
        }
    }

    /// Actors whose queues were made on a transport, for the periodic check.
    func ensuredQueues(transport name: String) -> [ObjectKey: EnsuredQueue] {
        self.entries.withLock { entries in
            entries.compactMapValues { $0.ensured?.transport.name == name ? $0.ensured : nil }
        }
    }

    /// The actor is gone.
    func forget(_ key: ObjectKey) {
        self.entries.withLock { $0[key] = nil }
    }
}
