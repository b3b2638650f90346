import Glibc
public import Logging
import Support

/// One JSON object per line on standard error, the operator's default (operator.md 15, 17).
public struct JSONLogHandler: LogHandler {
    /// A longer value is cut.
    static let valueCharacterLimit = 2048

    /// See `LogHandler`.
    public var logLevel: Logger.Level
    /// See `LogHandler`.
    public var metadata: Logger.Metadata = [:]
    /// See `LogHandler`.
    public var metadataProvider: Logger.MetadataProvider?

    private let label: String

    /// A handler for everything from `level` on.
    public init(label: String, level: Logger.Level) {
        self.label = label
        self.logLevel = level
    }

    /// See `LogHandler`.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    /// See `LogHandler`.
    public func log(event: LogEvent) {
        let own = self.metadata.merging(self.metadataProvider?.get() ?? [:]) { _, provided in provided }
        let metadata = own.merging(event.metadata ?? [:]) { _, explicit in explicit }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("ts")
        writer.string(Timestamp.text(epochMilliseconds: Timestamp.currentMilliseconds()))
        writer.name("level")
        writer.string(event.level == .warning ? "warn" : event.level.rawValue)
        writer.name("logger")
        writer.string(self.label)
        writer.name("msg")
        writer.string(event.message.description)
        for key in metadata.keys.sorted() {
            guard let value = metadata[key] else { continue }
            writer.name(key)
            writer.string(String(value.description.prefix(Self.valueCharacterLimit)))
        }
        writer.endObject()
        var line = writer.bytes
        line.append(UInt8(ascii: "\n"))
        // One write per line, so that lines of several threads do not mix; a full pipe loses the line.
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
