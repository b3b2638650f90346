import Glibc
import Logging
import Synchronization
import Testing

@testable import Support

@Suite struct KeyValueLogHandlerTests {
    private func line(_ message: String, _ metadata: Logger.Metadata = [:], level: Logger.Level = .info) -> String {
        let bytes = KeyValueLogHandler.line(
            epochMilliseconds: 1_767_323_045_678,
            level: level,
            message: message,
            metadata: metadata
        )
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(
        "values are quoted when they have to be",
        arguments: [
            ("plain", "plain"), ("", #""""#), ("two words", #""two words""#), ("a=b", #""a=b""#),
            (#"say "x""#, #""say \"x\"""#), (#"C:\x"#, #"C:\x"#), ("a\nb", #""a\nb""#), ("\u{1}", #""\x01""#),
            ("é", "é"), ("😀", "😀"), ("\u{2028}", #""\u2028""#), ("a\u{202E}b", #""a\u202eb""#),
            (#"a \ b"#, #""a \\ b""#), ("tab\t", #""tab\t""#), ("\u{7F}", #""\x7f""#),
        ]
    )
    func quoting(value: String, text: String) {
        #expect(self.line("m", ["k": "\(value)"]) == "time=2026-01-02T03:04:05.678Z level=INFO msg=\"m\" k=\(text)\n")
    }

    @Test(
        "levels have the original's names",
        arguments: [
            (.debug, "DEBUG"), (.info, "INFO"), (.notice, "INFO"), (.warning, "WARN"), (.error, "ERROR"),
            (.critical, "ERROR"), (.trace, "DEBUG"),
        ] as [(Logger.Level, String)]
    )
    func levels(level: Logger.Level, name: String) {
        #expect(self.line("Hello there", level: level).contains(" level=\(name) msg=\"Hello there\"\n"))
    }

    @Test("keys come in alphabetical order, so lines compare")
    func order() {
        #expect(self.line("m", ["b": "2", "a": "1", "c": "3"]).hasSuffix("a=1 b=2 c=3\n"))
    }

    @Test("a long value is cut and the line stays one line")
    func cut() {
        let long = self.line("m", ["k": "\(String(repeating: "ü", count: 5000))"])
        #expect(long.utf8.count < KeyValueLogHandler.valueByteLimit + 100)
        #expect(long.hasSuffix("…\"\n"))
    }

    @Test("a line reaches the descriptor whole, with own, provided and handler metadata")
    func written() throws {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        var handler = KeyValueLogHandler(level: .info, descriptor: ends[1])
        handler[metadataKey: "actor"] = "a"
        let logger = Logger(label: "test") { _ in handler }
        logger.debug("hidden")
        logger.warning("Route mismatch: message routed to wrong actor", metadata: ["id": "x 1"])
        close(ends[1])
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(ends[0], &buffer, buffer.count)
        close(ends[0])
        let text = String(decoding: buffer[..<max(count, 0)], as: UTF8.self)
        #expect(text.hasPrefix("time=20"))
        #expect(
            text.hasSuffix(#" level=WARN msg="Route mismatch: message routed to wrong actor" actor=a id="x 1""# + "\n")
        )
        #expect(text.utf8.filter { $0 == 10 }.count == 1)
    }

    @Test(
        "log levels of the environment",
        arguments: [
            ("info", Logger.Level.info), ("WARNING", .warning), ("Warn", .warning), ("debug", .debug),
            ("ERROR", .error), ("loud", .info), ("", .info),
        ]
    )
    func configured(text: String, level: Logger.Level) {
        #expect(Logger.Level.configured(by: EnvironmentReader(["ASYA_LOG_LEVEL": text])) == level)
    }
}

/// Collects what was logged.
private struct RecordingHandler: LogHandler {
    final class Record: Sendable {
        let lines = Mutex<[String]>([])
    }

    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    let record: Record

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let suffix = event.metadata?["suppressed"].map { " \($0)" } ?? ""
        self.record.lines.withLock { $0.append(event.message.description + suffix) }
    }
}

@Suite struct LogLimiterTests {
    @Test("ten lines per second and text, then one that says how many there were")
    func limit() {
        let record = RecordingHandler.Record()
        let time = Mutex<UInt64>(0)
        var limiter = LogLimiter(logger: Logger(label: "t") { _ in RecordingHandler(record: record) }) {
            time.withLock { $0 }
        }
        for _ in 0..<25 { limiter.log(.warning, "again") }
        limiter.log(.error, "other")
        #expect(record.lines.withLock { $0 } == [String](repeating: "again", count: 10) + ["other"])
        time.withLock { $0 = 1_000_000_000 }
        record.lines.withLock { $0 = [] }
        limiter.log(.warning, "again")
        #expect(record.lines.withLock { $0 } == ["Log lines suppressed 15", "again"])
    }

    @Test("the end of the process reports what is left")
    func flush() {
        let record = RecordingHandler.Record()
        var limiter = LogLimiter(logger: Logger(label: "t") { _ in RecordingHandler(record: record) }) { 0 }
        for _ in 0..<11 { limiter.log(.warning, "x") }
        limiter.flush()
        limiter.flush()
        #expect(record.lines.withLock { $0.last } == "Log lines suppressed 1")
        #expect(record.lines.withLock { $0.count } == 11)
    }

    @Test("lines below the logger's level use no budget")
    func level() {
        let record = RecordingHandler.Record()
        var limiter = LogLimiter(logger: Logger(label: "t") { _ in RecordingHandler(record: record) }) { 0 }
        for _ in 0..<100 { limiter.log(.debug, "x") }
        limiter.log(.warning, "x")
        #expect(record.lines.withLock { $0 } == ["x"])
    }

    @Test("the number of kinds is bounded")
    func kinds() {
        var budget = LineBudget()
        var admitted = 0
        for index in 0..<10_000 where budget.admits(kind: "kind \(index)", now: 0) { admitted += 1 }
        #expect(admitted == LineBudget.kindLimit + LineBudget.linesPerSecond)
        #expect(budget.summaries(now: 999_999_999) == [])
        #expect(budget.summaries(now: 1_000_000_000).map(\.kind) == ["other"])
    }
}
