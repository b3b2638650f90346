import Dispatch
import Glibc
import Synchronization

/// A gate that opens once: tasks wait for it, and stop waiting when they are cancelled.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var lastTicket: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Whether it is open.
    var isOpen: Bool { self.state.withLock { $0.isOpen } }

    /// Opens it for good. False when it was open already.
    @discardableResult
    func open() -> Bool {
        let (wasOpen, waiting) = self.state.withLock { state in
            defer {
                state.isOpen = true
                state.waiting = [:]
            }
            return (state.isOpen, Array(state.waiting.values))
        }
        for continuation in waiting { continuation.resume() }
        return !wasOpen
    }

    /// Returns when it is open; throws when cancelled before.
    func wait() async throws {
        let ticket = self.state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = self.state.withLock { state in
                    if state.isOpen || Task.isCancelled { return true }
                    state.waiting[ticket] = continuation
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
        }
        if !self.isOpen { throw CancellationError() }
    }
}

/// Whether the caches are filled: reconciling and readiness begin then.
final class SyncState: Sendable {
    private let gate = Gate()
    private let missing: Mutex<Int>

    init(expected: Int) {
        self.missing = Mutex(expected)
    }

    var isSynced: Bool { self.gate.isOpen }

    /// One more collection is complete.
    func synced() {
        let isComplete = self.missing.withLock { missing in
            missing -= 1
            return missing == 0
        }
        if isComplete { self.gate.open() }
    }

    func wait() async throws { try await self.gate.wait() }
}

/// Whether this replica reconciles, and whether its workers have ended.
final class Leadership: Sendable {
    private let began = Gate()
    private let working = Gate()
    private let ended = Gate()
    private let lost = Gate()

    var isLeading: Bool { self.began.isOpen && !self.lost.isOpen }

    func begin() { self.began.open() }
    func end() { self.lost.open() }
    func wait() async throws { try await self.began.wait() }
    func workersBegin() { self.working.open() }
    func workersEnded() { self.ended.open() }

    /// Returns when the workers have ended, or never began.
    func waitForWorkers() async {
        guard self.working.isOpen else { return }
        // Cancelled: the caller's time is over.
        try? await self.ended.wait()
    }
}

/// The first reason to stop counts.
final class StopReason: Sendable {
    enum Reason: Sendable {
        case signal, leadershipLost, failure
    }

    private let reason = Mutex<Reason?>(nil)
    private let gate = Gate()

    /// False when there was a reason already.
    func set(_ reason: Reason) -> Bool {
        let isFirst = self.reason.withLock { known in
            if known != nil { return false }
            known = reason
            return true
        }
        if isFirst { self.gate.open() }
        return isFirst
    }

    func wait() async -> Reason {
        // Only this waits, and it is never cancelled.
        try? await self.gate.wait()
        return self.reason.withLock { $0 } ?? .failure
    }
}

/// SIGTERM and SIGINT as a stream.
struct SignalStream {
    let received: AsyncStream<Int32>
    private let continuation: AsyncStream<Int32>.Continuation
    private let sources: [any DispatchSourceSignal]

    init() {
        let (stream, continuation) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(8))
        self.received = stream
        self.continuation = continuation
        self.sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }

    func finish() {
        for source in self.sources { source.cancel() }
        self.continuation.finish()
    }
}
