internal import MCP
internal import Synchronization

/// Waiting calls of legacy sessions on this replica, so that `notifications/cancelled` finds them.
final class OpenCalls: Sendable {
    struct Key: Hashable, Sendable {
        var session: String
        var id: MessageID
    }

    private let calls = Mutex<[Key: AnswerEvents<WaitingSignal>]>([:])

    /// Of two calls with one id the later one counts; ids are the client's to keep apart.
    func add(_ key: Key, _ events: AnswerEvents<WaitingSignal>) {
        self.calls.withLock { $0[key] = events }
    }

    func remove(_ key: Key, _ events: AnswerEvents<WaitingSignal>) {
        self.calls.withLock { if $0[key] === events { $0[key] = nil } }
    }

    /// Does nothing for an id that is not waiting (any more).
    func cancel(_ key: Key) {
        self.calls.withLock { $0[key] }?.send(WaitingSignal(event: .cancelRequested))
    }
}

/// Streams that stay open until the client or the server ends them: GET of the legacy era, `subscriptions/listen`.
final class OpenStreams: Sendable {
    enum Event: Sendable {
        case toolsChanged
        case task(EnvelopeUpdate)
        case resource(String)
        case quiet
        case clientClosed
        case shutdown
    }

    private struct State {
        var streams: [Int: AnswerEvents<Event>] = [:]
        /// The newest stream of each session: only it gets notifications, so that none is sent twice.
        var newest: [String: Int] = [:]
        var nextNumber = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Registers a stream; its number is for `remove`.
    func add(_ events: AnswerEvents<Event>, session: String? = nil) -> Int {
        let (number, isClosed) = self.state.withLock { state in
            state.nextNumber += 1
            if !state.isClosed {
                state.streams[state.nextNumber] = events
                if let session { state.newest[session] = state.nextNumber }
            }
            return (state.nextNumber, state.isClosed)
        }
        if isClosed { events.send(.shutdown) }
        return number
    }

    func remove(_ number: Int, session: String? = nil) {
        self.state.withLock { state in
            state.streams[number] = nil
            if let session, state.newest[session] == number { state.newest[session] = nil }
        }
    }

    func isNewest(_ number: Int, of session: String?) -> Bool {
        guard let session else { return true }
        return self.state.withLock { $0.newest[session] == number }
    }

    func close() {
        let streams = self.state.withLock { state in
            state.isClosed = true
            return Array(state.streams.values)
        }
        for stream in streams { stream.send(.shutdown) }
    }
}
