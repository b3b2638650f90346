import Testing

@testable import Sidecar

@Suite("DeliveryHistory")
struct DeliveryHistoryTests {
    private func record(_ text: String, in history: inout DeliveryHistory) -> Int {
        Array(text.utf8).withUnsafeBytes { history.recordFailure(of: $0) }
    }

    @Test("counts the failures of each message on its own")
    func counts() {
        var history = DeliveryHistory()
        #expect(self.record("a", in: &history) == 1)
        #expect(self.record("b", in: &history) == 1)
        #expect(self.record("a", in: &history) == 2)
        #expect(self.record("", in: &history) == 1)
        #expect(self.record("a", in: &history) == 3)
    }

    @Test("remembers the last 1024 messages and forgets the oldest first")
    func forgets() {
        var history = DeliveryHistory()
        for index in 0..<DeliveryHistory.capacity { _ = self.record("m\(index)", in: &history) }
        #expect(self.record("m0", in: &history) == 2, "full, nothing forgotten yet")
        #expect(self.record("one more", in: &history) == 1)
        #expect(self.record("m1", in: &history) == 2, "m0 was the oldest")
        #expect(self.record("m0", in: &history) == 1)
        #expect(self.record("m1", in: &history) == 1, "m0 took the place of m1")
        #expect(self.record("m3", in: &history) == 2)
    }

    @Test("stays correct while thousands of messages pass by")
    func longRun() {
        var history = DeliveryHistory()
        for index in 0..<5000 {
            #expect(self.record("m\(index)", in: &history) == 1)
            #expect(self.record("m\(index)", in: &history) == 2)
        }
    }
}
