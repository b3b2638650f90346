internal import Support
internal import Synchronization

/// One reader's place in an envelope's history: first the history itself, then what the feed hands over.
final class UpdateSubscription: Sendable {
    private struct State {
        /// Last entry that was given out.
        var cursor: Int64
        /// From the history; comes before `live`.
        var pending: ArraySlice<EnvelopeUpdate> = []
        /// From the feed.
        var live: [EnvelopeUpdate] = []
        /// The history has entries that neither `pending` nor `live` holds.
        var mustRead = true
        var hasEnded = false
        /// The envelope's last update is in what the feed handed over, or was: nothing comes behind it.
        var sawLast = false
        var waiter: CheckedContinuation<Void, Never>?
        /// When something was given out last, silence included.
        var lastActivity = MonotonicClock.nanoseconds()
        var isSilent = false
    }

    private enum Step {
        case give(EnvelopeUpdate)
        case read(after: Int64)
        case silence
        case wait
        case end
    }

    private let record: EnvelopeRecord
    private let store: any EnvelopeStore
    private let state: Mutex<State>

    init(record: EnvelopeRecord, after historyID: Int64, store: any EnvelopeStore) {
        self.record = record
        self.store = store
        self.state = Mutex(State(cursor: historyID))
    }

    /// The feed read these; they may overlap with what was given out already.
    func offer(_ updates: [EnvelopeUpdate]) {
        guard !updates.isEmpty else { return }
        self.wake { state in
            if updates.last?.status.isTerminal == true { state.sawLast = true }
            if state.live.count + updates.count > UpdateFeed.bufferCapacity {
                state.live.removeAll()
                state.mustRead = true
            } else {
                state.live.append(contentsOf: updates)
            }
        }
    }

    /// No more updates, whatever happens to the envelope.
    func end() {
        self.wake { $0.hasEnded = true }
    }

    /// Time passes: a reader that got nothing for an interval is told so.
    func tick(now: UInt64, interval: UInt64) {
        self.wake { state in
            if state.waiter != nil, now &- state.lastActivity >= interval { state.isSilent = true }
        }
    }

    func next() async throws -> UpdateEvent? {
        while true {
            switch self.step() {
            case .give(let update): return .update(update)
            case .silence: return .silence
            case .end: return nil
            case .wait: try await self.wait()
            case .read(let cursor):
                let page = try await self.store.updates(
                    of: self.record.state.id,
                    after: cursor,
                    limit: UpdateFeed.pageCount
                )
                if let last = self.took(page) { return .update(last) }
            }
        }
    }

    private func step() -> Step {
        self.state.withLock { state in
            if state.hasEnded { return .end }
            if let update = state.pending.popFirst() { return self.give(update, &state) }
            if state.mustRead {
                state.mustRead = false
                return .read(after: state.cursor)
            }
            while let update = state.live.first {
                state.live.removeFirst()
                if update.historyID > state.cursor { return self.give(update, &state) }
            }
            // A reader that begins behind the last update gets none, and ends all the same.
            if state.sawLast { return .end }
            guard state.isSilent else { return .wait }
            state.isSilent = false
            state.lastActivity = MonotonicClock.nanoseconds()
            return .silence
        }
    }

    private func give(_ update: EnvelopeUpdate, _ state: inout State) -> Step {
        state.cursor = update.historyID
        state.lastActivity = MonotonicClock.nanoseconds()
        state.hasEnded = update.status.isTerminal
        return .give(update)
    }

    /// A page of the history. Returns the end of an envelope whose history was pruned.
    private func took(_ page: [EnvelopeUpdate]) -> EnvelopeUpdate? {
        self.state.withLock { state in
            state.pending = page[...]
            if page.count == UpdateFeed.pageCount { state.mustRead = true }
            guard page.isEmpty, self.record.state.status.isTerminal, !state.hasEnded else { return nil }
            state.hasEnded = true
            return EnvelopeUpdate(endOf: self.record)
        }
    }

    private func wait() async throws {
        try Task.checkCancellation()
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = self.state.withLock { state in
                    if !state.live.isEmpty || state.mustRead || state.hasEnded || state.isSilent || Task.isCancelled {
                        return true
                    }
                    precondition(state.waiter == nil, "a subscription has one reader")
                    state.waiter = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.wake(always: true) { _ in }
        }
    }

    private func wake(always: Bool = false, _ change: (inout State) -> Void) {
        func wakes(_ state: State) -> Bool {
            always || !state.live.isEmpty || state.mustRead || state.hasEnded || state.isSilent
        }
        let waiter = self.state.withLock { state in
            change(&state)
            defer { if wakes(state) { state.waiter = nil } }
            return wakes(state) ? state.waiter : nil
        }
        waiter?.resume()
    }
}

extension EnvelopeUpdate {
    /// What the terminal update of this envelope was, as far as the envelope itself tells.
    init(endOf record: EnvelopeRecord) {
        let state = record.state
        self.init(envelopeID: state.id, status: state.status, timestamp: record.updatedAt)
        self.message = state.message
        self.error = state.error
        self.result = record.result
        self.progressPercent = state.progressPercent
        self.actor = state.currentActorName
        self.actors = state.actors
        self.currentActorIndex = state.currentActorIndex
    }
}
