import ActorResource
import LocalQueue

/// The envelopes that `asya send --wait` waits for, and what became of them: decided without clock or file.
struct AwaitedEnvelopes {
    /// How the story of one envelope ended.
    enum Ending: Equatable {
        /// In an end actor that kept it.
        case finished(FinishedEnvelope)
        /// In an end actor of the user's own, which keeps results elsewhere.
        case settled(isFailure: Bool)
        /// In a dead-letter queue.
        case deadLetter(queueName: String)
        /// Deleted by somebody.
        case purged(queueName: String)
    }

    /// In the order of sending.
    private(set) var pending: [String]
    private var known: Set<String>

    init(_ ids: [String]) {
        self.pending = ids
        self.known = Set(ids)
    }

    var isEmpty: Bool { self.known.isEmpty }

    /// Takes a result; gives its ending when it was waited for.
    mutating func resultCame(_ result: FinishedEnvelope) -> Ending? {
        guard let id = result.summary.id, self.forget(id) else { return nil }
        return .finished(result)
    }

    /// Takes what the store knows of an envelope, which was read after all results: an ending without a result.
    mutating func traced(_ id: String, _ hops: [HopRecord]) -> Ending? {
        guard let ending = Self.ending(hops), self.forget(id) else { return nil }
        return ending
    }

    private mutating func forget(_ id: String) -> Bool {
        guard self.known.remove(id) != nil else { return false }
        self.pending.removeAll { $0 == id }
        return true
    }

    static func ending(_ hops: [HopRecord]) -> Ending? {
        guard let last = hops.last else { return nil }
        switch last.outcome {
        case .acknowledged where last.queueName == AsyncActor.queuePrefix + "happy-end":
            return .settled(isFailure: false)
        case .acknowledged where last.queueName == AsyncActor.queuePrefix + "error-end":
            return .settled(isFailure: true)
        case .purged: return .purged(queueName: last.queueName)
        case .waiting:
            // A dead letter waits in another queue than the one that gave it up.
            let before = hops.dropLast().last
            guard before?.outcome == .deadLettered, before?.queueName != last.queueName, last.attempt == 0 else {
                return nil
            }
            return .deadLetter(queueName: last.queueName)
        case .acknowledged, .released, .deadLettered, .leaseEnded, .inFlight: return nil
        }
    }

    /// Whether an envelope has not been touched by anybody yet.
    static func isUntouched(_ hops: [HopRecord]) -> Bool { hops.count == 1 && hops[0].outcome == .waiting }
}
