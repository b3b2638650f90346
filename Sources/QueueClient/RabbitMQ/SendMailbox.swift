internal import Support
import Synchronization

/// What tasks hand to the publishing thread, and how they wake it.
final class SendMailbox: Sendable {
    /// One message on its way; owned by whoever holds it, settled exactly once.
    struct Send: Sendable {
        let body: [UInt8]
        let messageID: String
        let queueName: String
        let deadline: UInt64
        let completion: SendCompletion
        var isDirect = false
    }

    enum Item: Sendable {
        case send(Send)
        /// Somebody wants to know whether there is a connection.
        case probe(CheckedContinuation<Void, any Error>)
    }

    private struct State {
        var items: [Item] = []
        var isClosed = false
        var isSignalled = false
    }

    /// Sends that wait; every tool call has one, and the gateway bounds those by its own limits.
    static let capacity = 100_000

    private let state = Mutex(State())
    /// Readable when there is something new.
    let signal: EventSignal

    init?() {
        guard let signal = EventSignal() else { return nil }
        self.signal = signal
    }

    /// Hands an item over; returns why not otherwise.
    func put(_ item: Item) -> QueueClientError? {
        let (refusal, wakes) = self.state.withLock { state -> (QueueClientError?, Bool) in
            if state.isClosed { return (.closed, false) }
            if state.items.count >= Self.capacity { return (.unavailable(reason: "too many sends wait"), false) }
            state.items.append(item)
            defer { state.isSignalled = true }
            return (nil, !state.isSignalled)
        }
        if wakes { self.signal.signal() }
        return refusal
    }

    /// No further items; the thread ends when it has none left.
    func close() {
        self.state.withLock { $0.isClosed = true }
        self.signal.signal()
    }

    /// Everything that came since the last call.
    func take() -> (items: [Item], isClosed: Bool) {
        self.signal.drain()
        return self.state.withLock { state in
            state.isSignalled = false
            defer { state.items.removeAll(keepingCapacity: true) }
            return (state.items, state.isClosed)
        }
    }
}
