import Glibc
import Support
import Testing

@Suite struct EnvironmentReaderTests {
    private static let flag = EnvironmentVariable.boolean("FLAG", default: true, text: "")
    private static let count = EnvironmentVariable.integer("COUNT", default: 10, in: 1...100, text: "")
    private static let clamped = EnvironmentVariable.integer(
        "CLAMPED",
        default: 5,
        in: 1...20,
        outside: .clamp,
        text: ""
    )
    private static let window = EnvironmentVariable.optionalInteger(
        "WINDOW",
        in: 1...9,
        unsetText: "adaptive",
        text: ""
    )
    private static let time = EnvironmentVariable.duration("TIME", default: .seconds(300), atLeast: .zero, text: "")
    private static let secret = EnvironmentVariable.string("SECRET", default: "guest", text: "")

    @Test(
        "booleans in any case",
        arguments: [
            ("true", true), ("TRUE", true), ("1", true), ("Yes", true), ("on", true), ("false", false), ("0", false),
            ("NO", false), ("off", false),
        ]
    )
    func booleans(text: String, value: Bool) {
        var reader = EnvironmentReader(["FLAG": text])
        #expect(reader.read(Self.flag) == value)
        #expect(reader.warnings.isEmpty)
    }

    @Test(
        "an invalid value means the default and one warning that names the variable, not the value",
        arguments: ["banana", "2", " true", "-1x"]
    )
    func invalid(text: String) {
        var reader = EnvironmentReader(["FLAG": text, "COUNT": text + "x", "TIME": text, "WINDOW": text + "!"])
        #expect(reader.read(Self.flag) == true)
        #expect(reader.read(Self.count) == 10)
        #expect(reader.read(Self.time) == .seconds(300))
        #expect(reader.read(Self.window) == nil)
        #expect(reader.warnings.count == 4)
        for (warning, name) in zip(reader.warnings, ["FLAG", "COUNT", "TIME", "WINDOW"]) {
            #expect(warning.hasPrefix(name))
            #expect(!warning.contains("banana"))
        }
    }

    @Test("an empty variable is unset")
    func empty() {
        var reader = EnvironmentReader(["FLAG": "", "COUNT": "", "TIME": "", "SECRET": "", "WINDOW": ""])
        #expect(reader.read(Self.flag) == true)
        #expect(reader.read(Self.count) == 10)
        #expect(reader.read(Self.time) == .seconds(300))
        #expect(reader.read(Self.secret) == "guest")
        #expect(reader.read(Self.window) == nil)
        #expect(reader.text("COUNT") == nil)
        #expect(reader.warnings.isEmpty)
    }

    @Test(
        "integers take a sign and keep their bounds",
        arguments: [
            ("7", 7, 0), ("+7", 7, 0), ("0", 10, 1), ("101", 10, 1), ("-3", 10, 1), ("1_0", 10, 1), ("0x1", 10, 1),
        ]
    )
    func integers(text: String, value: Int, warningCount: Int) {
        var reader = EnvironmentReader(["COUNT": text])
        #expect(reader.read(Self.count) == value)
        #expect(reader.warnings.count == warningCount)
    }

    @Test("some integers are clamped instead", arguments: [("0", 1), ("-5", 1), ("7", 7), ("99", 20)])
    func clamping(text: String, value: Int) {
        var reader = EnvironmentReader(["CLAMPED": text])
        #expect(reader.read(Self.clamped) == value)
        #expect(reader.warnings.count == (text == "7" ? 0 : 1))
    }

    @Test("durations below their minimum are invalid")
    func durations() {
        var reader = EnvironmentReader(["TIME": "-1s"])
        #expect(reader.read(Self.time) == .seconds(300))
        #expect(reader.warnings == ["TIME is below 0s, using 5m0s"])
    }

    @Test("the process's own environment is readable")
    func process() {
        setenv("ASYA_TEST_READER", "a=b", 1)
        #expect(EnvironmentReader.process.text("ASYA_TEST_READER") == "a=b")
    }

    @Test("a row tells name, default, format and text")
    func documentation() {
        #expect(Self.count.row.markdown == "| `COUNT` | `10` | integer, 1…100 |  |")
        #expect(Self.time.row.defaultText == "5m0s")
    }
}
