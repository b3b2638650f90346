/// How long an envelope spent at each actor, from its history. Pure; the clock is an argument.
struct RouteTimeline: Equatable {
    enum HopState: String {
        case waiting, active, done, failed
    }

    struct Hop: Equatable {
        var actor: String
        var state: HopState
        /// What the actor does just now.
        var phase: ActorPhase?
        /// `nil` when no report told when it began.
        var duration: Duration?
    }

    var hops: [Hop]

    init(_ record: EnvelopeRecord, updates: [EnvelopeUpdate], now: EpochTime) {
        let state = record.state
        var began: [Int: EpochTime] = [:]
        var ended: [Int: EpochTime] = [:]
        var phase: ActorPhase?
        var last = -1
        for update in updates {
            guard let index = update.currentActorIndex, update.status == .running else { continue }
            // The original's sidecar reports `completed` with the index of the next actor (gateway.md 7.1).
            if update.phase == .completed {
                let finished = began[index] == nil && index > 0 ? index - 1 : index
                ended[finished] = update.timestamp
            } else if began[index] == nil {
                began[index] = update.timestamp
            }
            phase = update.phase
            last = max(last, index)
        }
        let end = state.status.isTerminal ? record.updatedAt : now
        self.hops = state.actors.enumerated().map { index, actor in
            let start = began[index]
            let isOver = ended[index] != nil || began[index + 1] != nil || state.status == .succeeded
            let stop = ended[index] ?? began[index + 1] ?? end
            return Hop(
                actor: actor,
                state: Self.state(index, isOver: isOver, hasBegun: start != nil, last: last, state),
                phase: index == last && !state.status.isTerminal ? phase : nil,
                duration: start.map { .microseconds(max(0, stop.microseconds - $0.microseconds)) }
            )
        }
    }

    private static func state(
        _ index: Int,
        isOver: Bool,
        hasBegun: Bool,
        last: Int,
        _ state: EnvelopeState
    ) -> HopState {
        if isOver { return .done }
        let isCurrent = hasBegun || index == max(last, state.currentActorIndex)
        guard state.status.isTerminal else { return hasBegun ? .active : .waiting }
        return isCurrent ? .failed : .waiting
    }
}

/// Times as people read them.
enum DurationText {
    static func short(_ duration: Duration) -> String {
        let milliseconds = Int(duration / .milliseconds(1))
        switch milliseconds {
        case ..<1000: return "\(milliseconds) ms"
        case ..<60_000: return "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
        case ..<3_600_000: return "\(milliseconds / 60_000) min \(milliseconds / 1000 % 60) s"
        default: return "\(milliseconds / 3_600_000) h \(milliseconds / 60_000 % 60) min"
        }
    }

    /// `3 min ago`, by whole units.
    static func ago(_ time: EpochTime, now: EpochTime) -> String {
        let seconds = max(0, (now.microseconds - time.microseconds) / 1_000_000)
        switch seconds {
        case ..<60: return "\(seconds) s ago"
        case ..<3600: return "\(seconds / 60) min ago"
        case ..<86_400: return "\(seconds / 3600) h ago"
        default: return "\(seconds / 86_400) d ago"
        }
    }
}
