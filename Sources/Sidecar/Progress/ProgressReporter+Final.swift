import Logging
import Support

/// One terminal status on its way to the gateway (`sidecar.md` 9.4).
final class FinalDelivery {
    private enum State {
        case waiting(until: MonotonicTime)
        case inProgress
    }

    let id: String
    let body: [UInt8]
    var retry: FinalRetry
    private var state: State
    private var done: ((FinalReportOutcome) -> Void)?

    init(_ report: FinalReport, now: MonotonicTime, done: @escaping (FinalReportOutcome) -> Void) {
        self.id = report.id
        // The time of the event, also when a retry delivers it.
        self.body = GatewayDocuments.final(report, epochSeconds: Timestamp.currentMilliseconds() / 1000)
        self.retry = FinalRetry(startedAt: now, singleAttemptLimit: report.singleAttemptLimit)
        self.state = .waiting(until: now)
        self.done = done
    }

    /// When the timer has to look again: for the next attempt, or for the end while all connections are taken.
    func nextDeadline(canSend: Bool) -> MonotonicTime {
        switch self.state {
        case .waiting(let due): canSend ? min(due, self.retry.deadline) : self.retry.deadline
        case .inProgress: .distantFuture
        }
    }

    func isDue(_ now: MonotonicTime) -> Bool {
        if case .waiting(let due) = self.state { return due <= now }
        return false
    }

    /// The time is over and no attempt is in progress.
    func isExpired(_ now: MonotonicTime) -> Bool {
        if case .waiting = self.state { return self.retry.deadline <= now }
        return false
    }

    func begin() { self.state = .inProgress }

    func wait(until due: MonotonicTime) { self.state = .waiting(until: due) }

    /// Tells the pipeline; only the first call counts.
    func end(_ outcome: FinalReportOutcome) {
        let done = self.done
        self.done = nil
        done?(outcome)
    }
}

extension ProgressReporter {
    func pumpFinals(now: MonotonicTime) {
        for final in self.finals {
            if final.isExpired(now) {
                self.end(final, .unreachable, reason: "no connection in time")
            } else if final.isDue(now), self.client.hasCapacity(for: .urgent) {
                self.attempt(final, now: now)
            }
        }
    }

    private func attempt(_ final: FinalDelivery, now: MonotonicTime) {
        final.begin()
        let url = self.client.url
        let request = url.post(url.finalPath(id: final.id), json: final.body)
        self.client.send(request, priority: .urgent, limit: final.retry.attemptLimit(now: now)) { [weak self] outcome in
            guard let self else { return }
            switch final.retry.attempted(outcome, now: self.loop.now) {
            case .accepted: self.end(final, .accepted, reason: "")
            case .rejected: self.end(final, .rejected, reason: outcome.text)
            case .unreachable: self.end(final, .unreachable, reason: outcome.text)
            case .retry(let delay): final.wait(until: self.loop.now + delay)
            }
        }
    }

    private func end(_ final: FinalDelivery, _ outcome: FinalReportOutcome, reason: String) {
        self.finals.removeAll { $0 === final }
        switch outcome {
        case .accepted:
            self.count(kind: "final", result: "accepted")
        case .rejected:
            self.count(kind: "final", result: "rejected")
            self.limiter.log(
                .error,
                "Final status rejected by the gateway",
                metadata: ["id": "\(final.id.prefix(200))", "error": "\(reason)"]
            )
        case .unreachable:
            self.count(kind: "final", result: "failed")
            self.limiter.log(
                .warning,
                "Final status could not be delivered",
                metadata: ["id": "\(final.id.prefix(200))", "error": "\(reason)"]
            )
        }
        final.end(outcome)
    }
}
