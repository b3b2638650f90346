internal import Synchronization

/// Merges everything that may happen to one open answer into one sequence, and owns the tasks that watch for it.
final class AnswerEvents<Event: Sendable>: Sendable {
    /// Read by one consumer at a time: first the handler, then the writer of the body.
    let sequence: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let tasks = Mutex<[Task<Void, Never>]>([])
    private let watches = Mutex<[ClientConnection.Watch]>([])

    init() {
        (self.sequence, self.continuation) = AsyncStream.makeStream()
    }

    /// Adds an event; nothing happens after `stop`.
    func send(_ event: Event) { self.continuation.yield(event) }

    /// Runs `body` until it returns or the answer is done.
    func run(_ body: @escaping @Sendable (AnswerEvents) async -> Void) {
        let task = Task { await body(self) }
        self.tasks.withLock { $0.append(task) }
    }

    /// Sends `event` again and again.
    func tick(every interval: Duration, _ event: Event) {
        self.run { events in
            while (try? await Task.sleep(for: interval)) != nil {  // Throws when cancelled: the end.
                events.send(event)
            }
        }
    }

    /// Sends `event` when the client closes its connection.
    func watch(_ connection: ClientConnection, _ event: Event) {
        let watch = connection.whenClientLeaves { self.send(event) }
        self.watches.withLock { $0.append(watch) }
    }

    /// Ends all watching and waits for the tasks' end.
    func stop() async {
        let watches = self.watches.withLock { watches in
            defer { watches.removeAll() }
            return watches
        }
        for watch in watches { watch.cancel() }
        let tasks = self.tasks.withLock { tasks in
            defer { tasks.removeAll() }
            return tasks
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        self.continuation.finish()
    }
}
