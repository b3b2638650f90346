import NIOCore
import Synchronization

/// `WorkQueueState` for real workers: they wait without polling, a timer of the event loop wakes them for delayed keys.
final class WorkQueue: Sendable {
    private struct Shared {
        var state = WorkQueueState<ObjectKey>()
        var workers: [CheckedContinuation<ObjectKey?, Never>] = []
        var timer: Duration?
        var isClosed = false
    }

    private let shared = Mutex(Shared())
    private let eventLoop: any EventLoop
    private let start = ContinuousClock.now

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    private var now: Duration { ContinuousClock.now - self.start }

    /// Keys ready, being worked on, added so far, and retried so far.
    var counts: (depth: Int, working: Int, adds: Int, retries: Int) {
        self.shared.withLock { ($0.state.depth, $0.state.workingCount, $0.state.addCount, $0.state.retryCount) }
    }

    /// Looks at `key` soon; before the ordinary ones when it is urgent.
    func add(_ key: ObjectKey, isUrgent: Bool = false) {
        self.change { $0.add(key, isUrgent: isUrgent) }
    }

    /// Looks at `key` after a delay.
    func add(_ key: ObjectKey, after delay: Duration) {
        let time = self.now + delay
        self.change { $0.add(key, at: time) }
    }

    /// Looks at `key` again after a failure.
    func retry(_ key: ObjectKey, atLeast minimum: Duration = .zero) {
        let now = self.now
        var generator = SystemRandomNumberGenerator()
        self.change { _ = $0.retry(key, now: now, atLeast: minimum, using: &generator) }
    }

    /// Resets the delay of `key` after a success.
    func forget(_ key: ObjectKey) {
        self.shared.withLock { $0.state.forget(key) }
    }

    /// The worker is done with `key`.
    func done(_ key: ObjectKey) {
        self.change { $0.done(key) }
    }

    /// The next key; `nil` when the queue was closed.
    func next() async -> ObjectKey? {
        await withCheckedContinuation { worker in
            let isClosed = self.shared.withLock { shared in
                if !shared.isClosed { shared.workers.append(worker) }
                return shared.isClosed
            }
            if isClosed { worker.resume(returning: nil) } else { self.hand() }
        }
    }

    /// Sends all workers home; what is worked on is finished by them.
    func close() {
        let workers = self.shared.withLock { shared in
            shared.isClosed = true
            defer { shared.workers = [] }
            return shared.workers
        }
        for worker in workers { worker.resume(returning: nil) }
    }

    private func change(_ body: (inout WorkQueueState<ObjectKey>) -> Void) {
        self.shared.withLock { body(&$0.state) }
        self.hand()
    }

    /// Gives ready keys to waiting workers and sets the timer for what comes later.
    private func hand() {
        let now = self.now
        var pairs: [(CheckedContinuation<ObjectKey?, Never>, ObjectKey)] = []
        let wakeUp: Duration? = self.shared.withLock { shared in
            while !shared.workers.isEmpty, !shared.isClosed {
                switch shared.state.next(now: now) {
                case .work(let key): pairs.append((shared.workers.removeLast(), key))
                case .idle: return nil
                case .wait(let time):
                    // An earlier timer is running already and will look again.
                    if let timer = shared.timer, timer <= time, timer > now { return nil }
                    shared.timer = time
                    return time - now
                }
            }
            return nil
        }
        for (worker, key) in pairs { worker.resume(returning: key) }
        if let wakeUp { self.schedule(after: wakeUp) }
    }

    private func schedule(after delay: Duration) {
        // A millisecond more, so that the time has surely come when the timer fires.
        _ = self.eventLoop.scheduleTask(in: TimeAmount(delay) + .milliseconds(1)) { [self] in
            self.shared.withLock { shared in
                if let timer = shared.timer, timer <= self.now { shared.timer = nil }
            }
            self.hand()
        }
    }
}
