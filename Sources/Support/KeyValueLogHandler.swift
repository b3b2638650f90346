import Glibc
public import Logging

/// Writes log lines in the form of the original (`sidecar.md` section 11):
/// `time=2026-01-02T03:04:05.678Z level=INFO msg="…" key=value`.
///
/// Each line leaves with one `write`, so lines of several threads do not mix. Safe to use from any thread.
public struct KeyValueLogHandler: LogHandler {
    /// Longer values are cut: a log line is no place for data.
    public static let valueByteLimit = 2048

    /// See `LogHandler`.
    public var logLevel: Logger.Level
    /// See `LogHandler`.
    public var metadata: Logger.Metadata = [:]
    /// See `LogHandler`.
    public var metadataProvider: Logger.MetadataProvider?
    private let descriptor: Int32

    /// A handler that writes to a descriptor, which stays the caller's; standard output by default.
    public init(level: Logger.Level, descriptor: Int32 = 1) {
        self.logLevel = level
        self.descriptor = descriptor
    }

    /// See `LogHandler`.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    /// See `LogHandler`.
    public func log(event: LogEvent) {
        self.write(
            Self.line(
                epochMilliseconds: Timestamp.currentMilliseconds(),
                level: event.level,
                message: event.message.description,
                metadata: event.metadata(over: self.metadata, self.metadataProvider)
            )
        )
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
}
