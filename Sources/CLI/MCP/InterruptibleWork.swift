internal import Dispatch
internal import Glibc
internal import Synchronization

/// Ctrl-C while an envelope is followed: stops following, says how to go on (cli.md 3.10). A second one ends the
/// program.
enum InterruptibleWork {
    private static let flag = Atomic(false)

    static var wasInterrupted: Bool { self.flag.load(ordering: .relaxed) }

    /// Runs `body` until it ends, Ctrl-C is pressed or the time is over; `nil` in the latter cases.
    static func run<Value: Sendable>(
        id: String,
        timeout: Duration? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let work = Task { try await body() }
        let source = DispatchSource.makeSignalSource(signal: SIGINT)
        source.setEventHandler {
            self.flag.store(true, ordering: .relaxed)
            signal(SIGINT, SIG_DFL)
            work.cancel()
        }
        signal(SIGINT, SIG_IGN)  // The source sees it all the same.
        source.activate()
        let watch = Task {
            guard let timeout else { return }
            try await Task.sleep(for: timeout)
            work.cancel()
        }
        defer {
            watch.cancel()
            source.cancel()
            signal(SIGINT, SIG_DFL)
        }
        do {
            return try await work.value
        } catch is CancellationError {
            guard self.wasInterrupted else { return nil }
            Console.prose("")
            Console.information("Interrupted. To go on: asya mcp stream \(id)")
            return nil
        }
    }
}
