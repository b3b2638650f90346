/// The life of one delivery: what may happen next, decided without touching a socket.
///
/// ```
/// queued ⇄ inRuntime ─► awaitingGateway ─► publishing ─► settled (acknowledged)
///    │         │                               │   └────► heldBack ─► settled (released)
///    │         └─► reportingFinal ─► settled, heldBack
///    └─► publishing (error envelope), heldBack, settled (released at shutdown)
/// ```
/// A delivery is acknowledged only by `publicationAccepted` of the last open publication or by a final report.
struct MessageState: Equatable {
    enum Phase: Equatable {
        /// Held, the handler has not seen it.
        case queued
        case inRuntime
        /// Progress reports or child registrations go first (`sidecar.md` 9.2, 9.3).
        case awaitingGateway
        /// `open` publications have no final answer yet; `hasFailed` once one was given up.
        case publishing(open: Int, hasFailed: Bool)
        /// An end actor's report to the gateway is under way.
        case reportingFinal
        /// Unacknowledged on purpose until its back-off is over.
        case heldBack
        case settled
    }

    /// What the caller has to do now.
    enum Action: Equatable {
        case wait
        case acknowledge
        /// Negative acknowledgement, with back-off.
        case giveBack
    }

    private(set) var phase = Phase.queued

    mutating func handedToRuntime() {
        precondition(self.phase == .queued, "only a queued message goes to the runtime")
        self.phase = .inRuntime
    }

    /// The connection broke before the handler saw it.
    mutating func returnedByRuntime() {
        precondition(self.phase == .inRuntime, "only a request comes back from the runtime")
        self.phase = .queued
    }

    mutating func waitsForGateway() {
        precondition(self.phase == .inRuntime || self.phase == .queued, "the gateway is asked before publishing")
        self.phase = .awaitingGateway
    }

    /// `count` envelopes were handed to the transport. From `publishing` only after the previous ones were answered:
    /// an error envelope or a dead letter takes their place.
    mutating func publishes(_ count: Int) {
        precondition(count > 0, "publishing means at least one envelope")
        switch self.phase {
        case .queued, .inRuntime, .awaitingGateway, .publishing(open: 0, _), .reportingFinal:
            self.phase = .publishing(open: count, hasFailed: false)
        case .publishing, .heldBack, .settled:
            preconditionFailure("publishing from \(self.phase)")
        }
    }

    mutating func publicationAccepted() -> Action {
        self.publicationEnded(hasFailed: false)
    }

    /// A publication was refused and will not be tried again.
    mutating func publicationGivenUp() -> Action {
        self.publicationEnded(hasFailed: true)
    }

    private mutating func publicationEnded(hasFailed: Bool) -> Action {
        guard case .publishing(let open, let failedBefore) = self.phase, open > 0 else {
            preconditionFailure("an answer without a publication in \(self.phase)")
        }
        let failed = failedBefore || hasFailed
        self.phase = .publishing(open: open - 1, hasFailed: failed)
        guard open == 1 else { return .wait }
        return failed ? .giveBack : .acknowledge
    }

    /// Whether a refused publication may still be tried again: pointless once another one was given up.
    var mayRetryPublication: Bool {
        if case .publishing(_, hasFailed: false) = self.phase { return true }
        return false
    }

    mutating func reportsFinal() {
        precondition(self.phase == .inRuntime, "the final status follows the handler")
        self.phase = .reportingFinal
    }

    mutating func finalReported(_ outcome: FinalReportOutcome) -> Action {
        precondition(self.phase == .reportingFinal, "an answer without a report")
        switch outcome {
        case .accepted, .rejected: return .acknowledge
        case .unreachable: return .giveBack
        }
    }

    mutating func heldBackForRelease() {
        precondition(self.phase != .settled && self.phase != .heldBack, "a message is given back once")
        self.phase = .heldBack
    }

    /// Acknowledged, released, or forgotten by its broker.
    mutating func settled() {
        precondition(self.phase != .settled, "a message is settled once")
        self.phase = .settled
    }
}
