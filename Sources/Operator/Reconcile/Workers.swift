import Logging
import Support

/// Takes keys from the queue, reconciles them, and decides what comes after a failure (operator.md 3).
struct Workers: Sendable {
    let queue: WorkQueue
    let reconciler: Reconciler
    let metrics: OperatorMetrics
    let logger: Logger
    let count: Int

    /// Works until the queue is closed; returns when the last reconcile has ended.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<self.count {
                group.addTask {
                    while let key = await self.queue.next() { await self.work(on: key) }
                }
            }
        }
    }

    private func work(on key: ObjectKey) async {
        let start = ContinuousClock.now
        let result: String
        do {
            switch try await self.reconciler.reconcile(key) {
            case .done:
                self.queue.forget(key)
                result = "success"
            case .later(let delay):
                self.queue.forget(key)
                self.queue.add(key, after: delay)
                result = "requeue_after"
            }
        } catch {
            result = self.failed(key, error)
        }
        self.queue.done(key)
        self.metrics.reconciled(result, duration: ContinuousClock.now - start)
    }

    private func failed(_ key: ObjectKey, _ error: any Error) -> String {
        let answer = error as? APIError
        self.queue.retry(key, atLeast: answer?.retryAfter ?? .zero)
        // Somebody wrote between our reading and writing: no fault of anybody, the watch brings the new state.
        if answer?.isConflict == true { return "requeue" }
        self.logger.error("reconcile failed", metadata: ["actor": "\(key)", "error": "\(error)"])
        return "error"
    }
}
