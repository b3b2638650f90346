/// One write of a task, and where its answer goes.
struct PostgresWrite: Sendable {
    /// What to do.
    enum Operation: Sendable {
        // Large: writes are copied on their way, this is not.
        indirect case create(NewEnvelope)
        case apply(EnvelopeEvent, id: String)
        case markSent(String)
        case failOverdue(limit: Int)
        case prune(RetentionRules, limit: Int)
        case terminateSession(String)
    }

    /// What came of it.
    enum Answer: Sendable {
        case created(CreationOutcome)
        case event(EventOutcome)
        case count(Int)
        case ended([EnvelopeState])
        case done
    }

    var operation: Operation
    var answer: @Sendable (Result<Answer, any Error>) -> Void

    /// The envelope that the operation reads and changes by the life cycle's rules.
    var appliedID: String? {
        if case .apply(_, let id) = self.operation { return id }
        return nil
    }

    /// Must not share its transaction.
    var isAlone: Bool {
        if case .prune = self.operation { return true }
        return false
    }

    /// The envelope that the operation makes.
    var createdID: String? {
        if case .create(let new) = self.operation { return new.record.state.id }
        return nil
    }
}
