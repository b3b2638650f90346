import Glibc
public import Logging

/// Writes each log line as one JSON object: `time`, `level`, `msg` and the metadata's keys. Safe to use from any thread.
public struct JSONLogHandler: LogHandler {
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
        let line = Self.line(
            epochMilliseconds: Timestamp.currentMilliseconds(),
            level: event.level,
            message: event.message.description,
            metadata: event.metadata(over: self.metadata, self.metadataProvider)
        )
        // One call, so that lines of several threads do not mix. An output that fails loses the line: a log must not
        // stop the program.
        _ = line.withUnsafeBytes { write(self.descriptor, $0.baseAddress, $0.count) }
    }

    /// One line, newline included.
    static func line(
        epochMilliseconds: Int64,
        level: Logger.Level,
        message: String,
        metadata: Logger.Metadata
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("time")
        writer.string(Timestamp.text(epochMilliseconds: epochMilliseconds))
        writer.name("level")
        writer.string(KeyValueLogHandler.name(of: level))
        writer.name("msg")
        writer.string(message)
        for key in metadata.keys.sorted() {
            guard let value = metadata[key] else { continue }
            writer.name(key)
            writer.string(String(value.description.prefix(KeyValueLogHandler.valueByteLimit)))
        }
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}
