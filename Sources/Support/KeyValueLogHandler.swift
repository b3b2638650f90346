public import Logging
import Glibc
import Synchronization

/// Writes log lines in the form of the original (`sidecar.md` section 11):
/// `time=2026-01-02T03:04:05.678Z level=INFO msg="…" key=value`.
///
/// Each line leaves with one `write`. Warnings and errors are limited per message text, which is a constant
/// (`LogLimiter`); so no call site needs a limit of its own. Safe to use from any thread.
public struct KeyValueLogHandler: LogHandler {
    /// Longer values are cut: a log line is no place for data.
    public static let valueByteLimit = 2048

    /// See `LogHandler`.
    public var logLevel: Logger.Level
    /// See `LogHandler`.
    public var metadata: Logger.Metadata = [:]
    /// See `LogHandler`.
    public var metadataProvider: Logger.MetadataProvider?
    private let output: LogOutput

    /// A handler that writes to `output`; handlers of one process should share it, because it holds the limits.
    public init(level: Logger.Level, output: LogOutput) {
        self.logLevel = level
        self.output = output
    }

    /// See `LogHandler`.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    /// See `LogHandler`.
    public func log(event: LogEvent) {
        var merged = self.metadata
        if let provided = self.metadataProvider?.get() { merged.merge(provided) { _, new in new } }
        if let own = event.metadata { merged.merge(own) { _, new in new } }
        if let error = event.error, merged["error"] == nil { merged["error"] = "\(error)" }
        self.output.log(level: event.level, message: event.message.description, metadata: merged)
    }

    /// Level names as the original prints them.
    static func name(of level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error, .critical: "ERROR"
        }
    }

    /// One line, newline included.
    static func line(
        epochMilliseconds: Int64,
        level: Logger.Level,
        message: String,
        metadata: Logger.Metadata
    ) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(256)
        line.append(contentsOf: "time=".utf8)
        line.append(contentsOf: Timestamp.utf8(epochMilliseconds: epochMilliseconds))
        line.append(contentsOf: " level=".utf8)
        line.append(contentsOf: self.name(of: level).utf8)
        line.append(contentsOf: " msg=".utf8)
        KeyValueText.appendQuoted(message, to: &line)
        for key in metadata.keys.sorted() {
            guard let value = metadata[key] else { continue }
            line.append(UInt8(ascii: " "))
            KeyValueText.append(key, to: &line)
            line.append(UInt8(ascii: "="))
            KeyValueText.append(value.description, to: &line)
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }
}

/// Where the lines of a process go, with the limits they share.
public final class LogOutput: Sendable {
    private let descriptor: Int32
    private let limiter = Mutex(LogLimiter())

    /// Lines go to a descriptor that stays the caller's; standard output by default.
    public init(descriptor: Int32 = STDOUT_FILENO) {
        self.descriptor = descriptor
    }

    /// Reports what was suppressed and not mentioned yet; for the end of the process.
    public func flush() {
        self.write(summaries: self.limiter.withLock { $0.allSummaries() })
    }

    func log(level: Logger.Level, message: String, metadata: Logger.Metadata) {
        let isLimited = level >= .warning
        let (summaries, verdict) = self.limiter.withLock { limiter in
            let now = Self.monotonicNanoseconds()
            let summaries = limiter.summaries(now: now)
            return (summaries, isLimited ? limiter.admit(kind: message, now: now) : .admit)
        }
        self.write(summaries: summaries)
        guard verdict == .admit else { return }
        self.write(
            KeyValueLogHandler.line(
                epochMilliseconds: Timestamp.currentMilliseconds(),
                level: level,
                message: message,
                metadata: metadata
            )
        )
    }

    private func write(summaries: [LogLimiter.Summary]) {
        for summary in summaries {
            self.write(
                KeyValueLogHandler.line(
                    epochMilliseconds: Timestamp.currentMilliseconds(),
                    level: .warning,
                    message: "Log lines suppressed",
                    metadata: ["suppressed": "\(summary.suppressedCount)", "text": "\(summary.kind)"]
                )
            )
        }
    }

    /// One call as a rule; a pipe that takes only part of a long line gets the rest. An output that fails or is full
    /// loses the line: a log must not stop the program.
    private func write(_ line: [UInt8]) {
        line.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(self.descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
                if count > 0 {
                    written += count
                } else if count == 0 || errno != EINTR {
                    return
                }
            }
        }
    }

    private static func monotonicNanoseconds() -> UInt64 {
        var time = timespec()
        guard clock_gettime(CLOCK_MONOTONIC, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
