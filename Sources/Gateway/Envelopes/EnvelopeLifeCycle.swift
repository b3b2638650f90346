internal import Support

/// The rules of an envelope's life: pure, total, the clock is an argument. Both stores apply them.
///
/// ```
/// pending ── progress, sending ──► running ── final(succeeded) ───────────────► succeeded
///    └───────────────┬────────────────┴────── final(failed), send failed,
///                    │                        deadline passed, cancelled ─────► failed
/// ```
///
/// The first terminal state wins, for ever (`gateway.md` 6.2).
public enum EnvelopeLifeCycle {
    /// What an event led to.
    public enum Transition: Sendable, Equatable {
        /// The envelope was terminal already: nothing changes, nobody is told.
        case ignored
        /// The state was changed; this is the entry for the history.
        case updated(EnvelopeUpdate)
    }

    /// Applies an event.
    public static func apply(_ event: EnvelopeEvent, to state: inout EnvelopeState, now: EpochTime) -> Transition {
        guard !state.status.isTerminal else { return .ignored }
        switch event {
        case .progress(let report): return .updated(self.progress(report, &state, now))
        case .final(let report): return .updated(self.final(report, &state, now))
        case .sending: return .updated(self.sending(&state, now))
        case .sendFailed(let cause):
            return .updated(self.fail(&state, error: "failed to send envelope: \(cause)", now))
        case .deadlinePassed: return .updated(self.fail(&state, error: "envelope timed out", now))
        case .cancelled:
            state.cancelledAt = now
            return .updated(self.fail(&state, error: "envelope cancelled", now))
        }
    }

    /// The first entry of a history: sending begins (`gateway.md` 5.3).
    public static func sending(_ state: inout EnvelopeState, _ now: EpochTime) -> EnvelopeUpdate {
        state.status = .running
        state.message = "Sending envelope to first actor"
        var update = EnvelopeUpdate(envelopeID: state.id, status: .running, timestamp: now)
        update.message = state.message
        return update
    }

    // MARK: Progress

    private static func progress(
        _ report: ProgressReport,
        _ state: inout EnvelopeState,
        _ now: EpochTime
    ) -> EnvelopeUpdate {
        if self.accepts(report, state) { state.actors = report.actors }
        let index = report.currentActorIndex
        state.status = .running
        state.progressPercent = self.percent(report, actorCount: state.actors.count, before: state.progressPercent)
        state.currentActorIndex = index
        if state.actors.indices.contains(index) { state.currentActorName = state.actors[index] }
        if !report.message.isEmpty { state.message = report.message }
        if report.phase == .completed, index >= 0, !state.completedActors.contains(index) {
            // At most one more than there are actors, however many reports come: see `actorsCompleted`.
            if state.completedActors.count <= state.actors.count { state.completedActors.append(index) }
        }
        var update = EnvelopeUpdate(envelopeID: state.id, status: .running, timestamp: now)
        update.message = report.message.isEmpty ? nil : report.message
        update.progressPercent = state.progressPercent
        update.actor = state.currentActorName
        update.actors = state.actors
        update.currentActorIndex = index
        update.phase = report.phase
        return update
    }

    /// Whether this report, applied with that result, is the first actor's first: its message has left the queue.
    /// A later actor's report may have overtaken it: they come from different sidecars.
    static func isArrival(_ report: ProgressReport, _ state: EnvelopeState) -> Bool {
        guard report.phase == .received, report.currentActorIndex == 0, !state.completedActors.contains(0) else {
            return false
        }
        let own = self.percent(report, actorCount: state.actors.count, before: 0)
        let isOvertaken = state.progressPercent > 100 / Double(max(state.actors.count, 1))
        return state.progressPercent == own || isOvertaken
    }

    /// A longer route, or one that agrees with ours up to the reporting actor (an actor may rewrite the rest).
    private static func accepts(_ report: ProgressReport, _ state: EnvelopeState) -> Bool {
        if report.actors.count > state.actors.count { return true }
        let index = report.currentActorIndex
        guard report.actors != state.actors, report.actors.indices.contains(index) else { return false }
        return report.actors[...index] == state.actors[...index]
    }

    /// `(index × 100 + weight) / actors`, never falling, at most 100 (`gateway.md` 7.1).
    static func percent(_ report: ProgressReport, actorCount: Int, before: Double) -> Double {
        guard actorCount > 0 else { return before }
        // An index far outside of the route must not overflow; beyond the end everything is 100.
        let index = Double(min(max(report.currentActorIndex, -1), actorCount + 1))
        let percent = (index * 100 + (report.phase?.weight ?? 0)) / Double(actorCount)
        let bounded = min(max(percent, before), 100)
        // Two decimals, as PostgreSQL's column has: both stores and every reader see the same number.
        return (bounded * 100).rounded() / 100
    }

    // MARK: The end

    private static func final(
        _ report: FinalReport,
        _ state: inout EnvelopeState,
        _ now: EpochTime
    ) -> EnvelopeUpdate {
        state.status = report.hasSucceeded ? .succeeded : .failed
        state.progressPercent = 100
        state.message = self.message(of: report)
        state.resultURI = report.resultURI
        if let error = report.error, !report.hasSucceeded { state.error = error }
        if let actors = report.actors, !actors.isEmpty { state.actors = actors }
        if let index = report.currentActorIndex { state.currentActorIndex = index }
        if let name = report.currentActorName, !name.isEmpty { state.currentActorName = name }
        var update = EnvelopeUpdate(envelopeID: state.id, status: state.status, timestamp: now)
        update.message = state.message
        update.progressPercent = 100
        update.result = self.result(of: report)
        update.error = state.error
        update.actor = report.currentActorName
        update.actors = report.actors
        update.currentActorIndex = report.currentActorIndex
        return update
    }

    private static func message(of report: FinalReport) -> String {
        guard !report.hasSucceeded else {
            let stored = report.resultURI.map { ", results stored at \($0)" } ?? ""
            return "Envelope completed successfully\(stored)"
        }
        guard let error = report.error else { return "Envelope failed" }
        guard let actor = report.currentActorName, !actor.isEmpty else { return "Envelope failed: \(error)" }
        return "Envelope failed at actor '\(actor)': \(error)"
    }

    /// A failure with details has them as its result, each fact only when it was given.
    private static func result(of report: FinalReport) -> RawJSON? {
        guard !report.hasSucceeded, let details = report.errorDetails else { return report.result }
        var writer = JSONWriter()
        writer.beginObject()
        if let error = report.error {
            writer.name("error")
            writer.string(error)
        }
        writer.name("details")
        writer.raw(details.bytes)
        if let name = report.currentActorName, !name.isEmpty {
            writer.name("failed_actor")
            writer.string(name)
        }
        if let index = report.currentActorIndex {
            writer.name("failed_actor_idx")
            writer.integer(index)
        }
        if let actors = report.actors {
            writer.name("route")
            writer.strings(actors)
        }
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }

    private static func fail(_ state: inout EnvelopeState, error: String, _ now: EpochTime) -> EnvelopeUpdate {
        state.status = .failed
        state.error = error
        var update = EnvelopeUpdate(envelopeID: state.id, status: .failed, timestamp: now)
        update.error = error
        return update
    }
}

extension JSONWriter {
    /// Writes an array of strings.
    mutating func strings(_ values: [String]) {
        self.beginArray()
        for value in values { self.string(value) }
        self.endArray()
    }
}
