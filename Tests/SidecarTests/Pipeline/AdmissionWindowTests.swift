import Testing

@testable import Sidecar

@Suite("AdmissionWindow")
struct AdmissionWindowTests {
    /// Records the same duration several times; true when the window changed.
    private func record(_ count: Int, _ duration: Duration, in window: inout AdmissionWindow) -> Bool {
        var hasChanged = false
        for _ in 0..<count where window.recordCall(nanoseconds: duration.wholeNanoseconds) { hasChanged = true }
        return hasChanged
    }

    @Test("starts with one message and widens after 32 fast calls, not before")
    func widens() {
        var window = AdmissionWindow(pinned: nil, wide: 16)
        #expect(window.messageCount == 1)
        #expect(!self.record(31, .milliseconds(19), in: &window))
        #expect(window.messageCount == 1)
        #expect(self.record(1, .milliseconds(19), in: &window))
        #expect(window.messageCount == 16)
        #expect(!self.record(100, .milliseconds(19), in: &window), "said once only")
    }

    @Test("stays at one message while the average is 20 ms or more")
    func staysNarrow() {
        var window = AdmissionWindow(pinned: nil, wide: 16)
        #expect(!self.record(1000, .milliseconds(20), in: &window))
        #expect(window.messageCount == 1)
    }

    @Test("one slow call starts the count of fast ones again")
    func slowCallResets() {
        var window = AdmissionWindow(pinned: nil, wide: 16)
        _ = self.record(31, .milliseconds(1), in: &window)
        _ = self.record(1, .seconds(1), in: &window)
        #expect(!self.record(31, .milliseconds(1), in: &window))
        #expect(self.record(60, .milliseconds(1), in: &window))
    }

    @Test("narrows again when the average rises above 100 ms, and keeps its width in between")
    func narrows() {
        var window = AdmissionWindow(pinned: nil, wide: 10)
        _ = self.record(32, .milliseconds(1), in: &window)
        #expect(!self.record(1000, .milliseconds(99), in: &window), "between the two marks nothing changes")
        #expect(window.messageCount == 10)
        #expect(self.record(20, .milliseconds(200), in: &window))
        #expect(window.messageCount == 1)
    }

    @Test("a pinned window never changes", arguments: [1, 3, 200])
    func pinned(count: Int) {
        var window = AdmissionWindow(pinned: count, wide: 16)
        #expect(!self.record(100, .microseconds(1), in: &window))
        #expect(!self.record(100, .seconds(10), in: &window))
        #expect(window.messageCount == count)
    }

    @Test("requests are sent ahead after 8 calls of 1 ms or less, and no longer once calls get longer")
    func sendingAhead() {
        var window = AdmissionWindow(pinned: 4, wide: 16)
        _ = self.record(7, .milliseconds(1), in: &window)
        #expect(!window.allowsSendingAhead, "too few calls to trust the average")
        _ = self.record(1, .milliseconds(1), in: &window)
        #expect(window.allowsSendingAhead)
        _ = self.record(1, .milliseconds(2), in: &window)
        #expect(!window.allowsSendingAhead)
    }

    @Test("a call of any length is accepted")
    func extremes() {
        var window = AdmissionWindow(pinned: nil, wide: 16)
        for nanoseconds in [0, UInt64.max] {
            let hasChanged = window.recordCall(nanoseconds: nanoseconds)
            #expect(!hasChanged)
        }
        #expect(window.messageCount == 1)
    }

    @Test(
        "goes beyond the wide window only as far as very fast handlers work it off in the same time",
        arguments: [(19.0, 10), (10.0, 20), (4.0, 50), (1.0, 128), (0.01, 128)]
    )
    func widest(milliseconds: Double, expected: Int) {
        var window = AdmissionWindow(pinned: nil, wide: 10, widest: 128)
        _ = self.record(200, .microseconds(Int64(milliseconds * 1000)), in: &window)
        #expect(window.messageCount == expected)
    }

    @Test("follows the average in steps of two, not with every call")
    func steps() {
        var window = AdmissionWindow(pinned: nil, wide: 10, widest: 128)
        _ = self.record(200, .milliseconds(4), in: &window)
        #expect(window.messageCount == 50)
        #expect(!self.record(200, .milliseconds(5), in: &window), "40 would fit now")
        #expect(window.messageCount == 50)
        _ = self.record(200, .milliseconds(9), in: &window)
        #expect(window.messageCount < 26)
        _ = self.record(200, .microseconds(100), in: &window)
        #expect(window.messageCount == 128)
        _ = self.record(200, .milliseconds(200), in: &window)
        #expect(window.messageCount == 1)
    }

    @Test("a pinned window does not move, whatever the widest would be")
    func pinnedStays() {
        var window = AdmissionWindow(pinned: 3, wide: 10, widest: 128)
        #expect(!self.record(1000, .microseconds(10), in: &window))
        #expect(window.messageCount == 3)
    }
}
