internal import Hummingbird
internal import Synchronization

/// Merges everything that may happen to one open answer into one sequence, and owns the tasks that watch for it.
final class AnswerEvents<Event: Sendable>: Sendable {
    /// Read by one consumer at a time: first the handler, then the writer of the body.
    let sequence: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let tasks = Mutex<[Task<Void, Never>]>([])

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

    /// Sends `event` when the client closes its connection. The connection serves no further request afterwards.
    ///
    /// - Parameter body: of a request whose body was collected; Hummingbird reads it again and then what follows.
    func watchConnection(of body: RequestBody, _ event: Event) {
        self.run { events in
            let (never, hold) = AsyncStream<Void>.makeStream()
            defer { hold.finish() }
            // An error here means that the connection is gone, which the handler was told.
            try? await body.consumeWithInboundCloseHandler { body in
                for try await _ in body {}  // Lets the reading of the connection go on to where it may end.
                for await _ in never {}
            } onInboundClosed: {
                events.send(event)
            }
        }
    }

    /// Ends all watching and waits until nothing reads the connection any more; then the answer may be finished.
    func stop() async {
        let tasks = self.tasks.withLock { tasks in
            defer { tasks.removeAll() }
            return tasks
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        self.continuation.finish()
    }
}
