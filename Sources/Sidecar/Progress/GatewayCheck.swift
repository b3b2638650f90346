import Logging
import Support

/// Waits until the gateway answers `GET /health` with 200 (`sidecar.md` section 3, step 8). Starts by itself; the
/// answer never arrives inside the initialiser. Forgetting the object ends the check.
final class GatewayCheck {
    static let firstDelay = Duration.milliseconds(500)
    static let longestDelay = Duration.seconds(5)

    private let loop: EventLoop
    private let client: GatewayClient
    private let logger: Logger
    private let deadline: MonotonicTime
    private var backoff = Backoff(base: GatewayCheck.firstDelay, cap: GatewayCheck.longestDelay)
    private var timer: LoopTimer?
    private var done: ((Bool) -> Void)?

    /// Uses connections of its own: the reporter's stay for reports.
    ///
    /// - Parameter done: called once, with whether the gateway is there.
    init(reporter: ProgressReporter, timeout: Duration, done: @escaping (Bool) -> Void) {
        self.loop = reporter.loop
        self.client = GatewayClient(loop: reporter.loop, url: reporter.client.url)
        self.logger = reporter.logger
        self.deadline = reporter.loop.now + timeout
        self.done = done
        // Without memory for a timer there is a single attempt.
        self.timer = try? LoopTimer(loop: reporter.loop) { [unowned self] in self.attempt() }
        self.attempt()
    }

    deinit {
        self.client.close()
    }

    private func attempt() {
        let url = self.client.url
        // Even a timeout of zero allows one real attempt.
        let limit = min(GatewayClient.requestLimit, max(self.deadline - self.loop.now, .seconds(1)))
        self.client.send(url.get(url.healthPath), priority: .urgent, limit: limit) { [weak self] outcome in
            self?.attempted(outcome)
        }
    }

    private func attempted(_ outcome: GatewayOutcome) {
        if outcome == .answered(status: 200) {
            self.end(true)
            return
        }
        let delay = self.backoff.nextWithoutJitter()
        let error: Logger.Metadata = ["error": "\(outcome.text)"]
        guard let timer = self.timer, self.loop.now + delay < self.deadline else {
            self.logger.error("Gateway check failed", metadata: error)
            self.end(false)
            return
        }
        self.logger.warning("Gateway is not ready, trying again", metadata: error)
        timer.start(after: delay)
    }

    private func end(_ isUp: Bool) {
        let done = self.done
        self.done = nil
        self.timer?.stop()
        done?(isUp)
    }
}
