internal import Support
internal import Synchronization

/// How many envelopes the store has per status, counted rarely: counting reads every row, so the next count is due when
/// the last one is a hundred times as old as it took, and not before a quarter of a minute.
///
/// Asked by `/metrics`; a scrape waits a moment for a count that it starts and otherwise gets the last one.
final class StatusCounts: Sendable {
    /// At least this long between counts.
    static let minimumAge = Duration.seconds(15)
    /// A count may keep one reader of the store busy for a hundredth of the time.
    private static let restFactor = 100
    /// Longest wait of a scrape; Prometheus gives up after 10 s.
    private static let patience = Duration.milliseconds(500)

    private struct State {
        var counts: [EnvelopeStatus: Int] = [:]
        var dueAt: UInt64 = 0
        var isCounting = false
    }

    private let store: any EnvelopeStore
    private let state = Mutex(State())

    init(store: any EnvelopeStore) {
        self.store = store
    }

    /// The latest counts; empty while there are none.
    func current(now: UInt64 = MonotonicClock.nanoseconds()) async -> [EnvelopeStatus: Int] {
        let starts = self.state.withLock { state in
            guard !state.isCounting, now >= state.dueAt else { return false }
            state.isCounting = true
            return true
        }
        if starts {
            // Not a task group: a count that cannot be cancelled must not hold the scrape back.
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let once = OnceOnly(continuation)
                Task {
                    await self.count()
                    once.resume(())
                }
                Task {
                    try await Task.sleep(for: Self.patience)
                    once.resume(())
                }
            }
        }
        return self.state.withLock { $0.counts }
    }

    /// When the store fails the old counts stay: the rest of the page is worth having.
    private func count() async {
        let started = MonotonicClock.nanoseconds()
        let counts = try? await self.store.countsByStatus()
        let ended = MonotonicClock.nanoseconds()
        self.state.withLock { state in
            if let counts { state.counts = counts }
            state.dueAt = Self.dueTime(started: started, ended: ended)
            state.isCounting = false
        }
    }

    static func dueTime(started: UInt64, ended: UInt64) -> UInt64 {
        let rest = (ended - started) * UInt64(self.restFactor)
        return ended + max(rest, UInt64(GoDuration(self.minimumAge).nanoseconds))
    }
}
