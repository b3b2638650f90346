import Testing

@testable import Operator

@Suite struct RestDetectorTests {
    @Test("a rest begins when nothing was added between two looks and nobody works, and again after a minute")
    func rests() {
        var detector = RestDetector()
        /// Seconds, what was added so far, who works, and whether a rest begins.
        let looks: [(Int, Int, Int, Bool)] = [
            (2, 0, 0, false), (4, 0, 0, true), (6, 0, 0, false), (62, 0, 0, false), (64, 0, 0, true),
            (66, 3, 1, false), (68, 3, 1, false), (70, 3, 0, true), (72, 4, 0, false), (74, 5, 0, false),
            (76, 5, 0, true), (78, 5, 0, false),
        ]
        for (seconds, added, working, begins) in looks {
            let now = Duration.seconds(seconds)
            #expect(detector.begins(addCount: added, workingCount: working, now: now) == begins, "at \(seconds) s")
        }
    }
}
