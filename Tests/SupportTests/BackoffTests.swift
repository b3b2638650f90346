import SeededRandom
import Support
import Testing

@Suite struct BackoffTests {
    @Test("delays double up to the cap and stay there")
    func doubling() {
        var backoff = Backoff(base: .milliseconds(100), cap: .milliseconds(500))
        let delays = (0..<5).map { _ in backoff.nextWithoutJitter() }
        #expect(
            delays == [
                .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(500), .milliseconds(500),
            ]
        )
    }

    @Test("a success starts over")
    func reset() {
        var backoff = Backoff(base: .seconds(1), cap: .seconds(30))
        _ = backoff.nextWithoutJitter()
        _ = backoff.nextWithoutJitter()
        backoff.reset()
        #expect(backoff.nextWithoutJitter() == .seconds(1))
        #expect(backoff.attemptCount == 1)
    }

    @Test("jitter stays inside its share and follows the generator")
    func jitter() {
        var backoff = Backoff(base: .seconds(1), cap: .seconds(1), jitter: 0.2)
        var first = SeededRandom(seed: 1)
        var second = SeededRandom(seed: 1)
        var same = backoff
        for _ in 0..<1000 {
            let delay = backoff.next(using: &first)
            #expect(delay >= .milliseconds(800) && delay <= .milliseconds(1200))
            #expect(same.next(using: &second) == delay)
        }
    }

    @Test("a factor of one never grows and never loops")
    func constant() {
        var backoff = Backoff(base: .seconds(1), factor: 1, cap: .seconds(30))
        for _ in 0..<100 { #expect(backoff.nextWithoutJitter() == .seconds(1)) }
    }
}
