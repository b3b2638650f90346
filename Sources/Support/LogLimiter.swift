public import Logging

/// A logger for failures that may repeat with every message: at most ten lines per second and text, then one line
/// that says how many more there were (`sidecar.md` section 11).
///
/// That line is written with the first call after the second is over, or by `flush()`.
public struct LogLimiter {
    private let logger: Logger
    private let clock: () -> UInt64
    private var budget = LineBudget()

    /// - Parameter clock: monotonic nanoseconds.
    public init(logger: Logger, clock: @escaping () -> UInt64) {
        self.logger = logger
        self.clock = clock
    }

    /// Logs a line unless too many with this text were logged in this second. The text is the kind, so it must be a
    /// constant; what varies is metadata.
    public mutating func log(_ level: Logger.Level, _ text: String, metadata: @autoclosure () -> Logger.Metadata = [:])
    {
        guard level >= self.logger.logLevel else { return }
        let now = self.clock()
        self.report(self.budget.summaries(now: now))
        guard self.budget.admits(kind: text, now: now) else { return }
        self.logger.log(level: level, "\(text)", metadata: metadata())
    }

    /// Reports what was suppressed and not mentioned yet.
    public mutating func flush() {
        self.report(self.budget.allSummaries())
    }

    private func report(_ summaries: [LineBudget.Summary]) {
        for summary in summaries {
            self.logger.warning(
                "Log lines suppressed",
                metadata: ["suppressed": "\(summary.suppressedCount)", "text": "\(summary.kind)"]
            )
        }
    }
}
