import AMQP
import ArgumentParser
import Support
import Testing

@testable import CLI

@Suite struct TimeTextTests {
    @Test(
        "lengths of time have two units at most",
        arguments: [
            (Duration.zero, "0ms"), (.milliseconds(999), "999ms"), (.milliseconds(1000), "1.0s"),
            (.milliseconds(59_990), "59.9s"), (.seconds(60), "1m0s"), (.seconds(3599), "59m59s"),
            (.seconds(3600), "1h0m"), (.seconds(86_399), "23h59m"), (.seconds(200_000), "2d7h"), (.seconds(-5), "0ms"),
        ]
    )
    func durations(duration: Duration, text: String) {
        #expect(TimeText.duration(duration) == text)
    }

    @Test(
        "sizes",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"),
            (300 << 20, "300.0 MiB"), (5000 << 20, "5000.0 MiB"),
        ]
    )
    func sizes(count: Int, text: String) {
        #expect(TimeText.byteCount(count) == text)
    }

    @Test(
        "lengths of time on the command line",
        arguments: [
            ("30s", Duration.seconds(30)), ("1m30s", .seconds(90)), ("5", .seconds(5)), ("0", .zero),
            ("100ms", .milliseconds(100)), ("-5s", nil), ("soon", nil), ("", nil), ("-1", nil),
        ] as [(String, Duration?)]
    )
    func arguments(text: String, duration: Duration?) {
        #expect(DurationArgument(argument: text)?.duration == duration)
    }

    @Test(
        "names of actors that fit everywhere",
        arguments: [
            ("a", true), ("my-actor-1", true), ("1a", true), ("", false), ("-a", false), ("a-", false), ("A", false),
            ("a.b", false), ("a_b", false), (String(repeating: "a", count: 63), true),
            (String(repeating: "a", count: 64), false), ("ä", false),
        ]
    )
    func names(name: String, isValid: Bool) {
        #expect(ActorName.isValid(name) == isValid)
    }
}
