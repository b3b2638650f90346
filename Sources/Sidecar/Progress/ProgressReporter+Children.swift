import Logging
import Support

/// The children of one fan-out on their way to the gateway (`sidecar.md` 9.3).
final class ChildBatch {
    /// For all of them together.
    static let limit = Duration.seconds(5)

    let deadline: MonotonicTime
    private var waiting: ArraySlice<ChildRegistration>
    private var unansweredCount: Int
    private var done: (() -> Void)?

    init(_ children: [ChildRegistration], deadline: MonotonicTime, done: @escaping () -> Void) {
        self.waiting = children[...]
        self.unansweredCount = children.count
        self.deadline = deadline
        self.done = done
    }

    var isComplete: Bool { self.unansweredCount == 0 }
    /// Children without an answer when the time is over.
    var missingCount: Int { self.unansweredCount }

    func next() -> ChildRegistration? { self.waiting.popFirst() }

    func answered() { self.unansweredCount -= 1 }

    /// Lets the pipeline go on; only the first call counts.
    func end() {
        let done = self.done
        self.done = nil
        self.waiting = []
        done?()
    }
}

extension ProgressReporter {
    func pumpChildren(now: MonotonicTime) {
        self.endBatches(now: now)
        for batch in self.childBatches {
            while self.client.hasCapacity(for: .urgent), let child = batch.next() {
                self.register(child, of: batch, now: now)
            }
        }
    }

    /// One attempt; a failure is logged and the child is published anyway.
    private func register(_ child: ChildRegistration, of batch: ChildBatch, now: MonotonicTime) {
        let url = self.client.url
        let request = url.post(url.envelopesPath, json: GatewayDocuments.child(child))
        let limit = min(GatewayClient.requestLimit, max(batch.deadline - now, .milliseconds(1)))
        self.client.send(request, priority: .urgent, limit: limit) { [weak self] outcome in
            guard let self else { return }
            batch.answered()
            let isAccepted = outcome == .answered(status: 200) || outcome == .answered(status: 201)
            self.count(kind: "child", result: isAccepted ? "accepted" : "failed")
            if !isAccepted {
                self.limiter.log(
                    .warning,
                    "Fan-out child not registered at the gateway",
                    metadata: ["id": "\(child.id.prefix(200))", "error": "\(outcome.text)"]
                )
            }
        }
    }

    private func endBatches(now: MonotonicTime) {
        var over: [ChildBatch] = []
        self.childBatches.removeAll { batch in
            let isOver = batch.isComplete || batch.deadline <= now
            if isOver { over.append(batch) }
            return isOver
        }
        for batch in over {
            if !batch.isComplete {
                self.limiter.log(
                    .warning,
                    "Fan-out children not registered in time",
                    metadata: ["missing": "\(batch.missingCount)"]
                )
            }
            batch.end()
        }
    }
}
