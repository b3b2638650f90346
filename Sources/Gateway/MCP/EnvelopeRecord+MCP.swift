internal import MCP
internal import Support

extension EnvelopeOutcome {
    /// How an envelope ended; `nil` while it has not.
    init?(_ record: EnvelopeRecord) {
        let state = record.state
        guard state.status.isTerminal else { return nil }
        self.init(
            ending: Self.ending(succeeded: state.status == .succeeded, error: state.error),
            result: record.result?.bytes,
            resultURI: state.resultURI
        )
    }
}

extension TaskDocument {
    /// An envelope as a task.
    init(_ record: EnvelopeRecord, lifetime: Duration?) {
        let ending = EnvelopeOutcome(record)?.ending
        self.init(
            id: record.state.id,
            status: ending.map(Status.ended) ?? .working,
            message: record.state.message,
            createdAtMilliseconds: record.createdAt.microseconds / 1000,
            updatedAtMilliseconds: record.updatedAt.microseconds / 1000,
            ttlMilliseconds: lifetime.map { Int($0 / .milliseconds(1)) }
        )
    }
}
