import SeededRandom
import Testing

@testable import Up

@Suite struct AutoscalerTests {
    static func rule(
        min: Int = 0,
        max: Int = 8,
        queueLength: Int = 5,
        polling: Duration = .seconds(10),
        cooldown: Duration = .seconds(60)
    ) -> ScalingRule.DepthRule {
        ScalingRule.DepthRule(
            minReplicas: min,
            maxReplicas: max,
            queueLength: queueLength,
            pollingInterval: polling,
            cooldownPeriod: cooldown
        )
    }

    static func depth(_ queued: Int, _ inFlight: Int = 0) -> QueueDepth {
        QueueDepth(queued: queued, inFlight: inFlight)
    }

    @Test(
        "the recommendation is ceil(depth / queueLength) between minimum and maximum",
        arguments: [
            (0, 0, 0), (1, 0, 1), (5, 0, 1), (6, 0, 2), (10, 0, 2), (11, 0, 3), (40, 0, 8), (41, 0, 8), (500, 0, 8),
            (0, 1, 1), (0, 6, 2), (4, 2, 2), (Int.max, 0, 8), (Int.max, Int.max, 8),
        ]
    )
    func formula(queued: Int, inFlight: Int, expected: Int) {
        #expect(Self.rule().recommendation(for: Self.depth(queued, inFlight)) == expected)
    }

    @Test(
        "minimum, maximum and queue length of any manifest keep their order",
        arguments: [
            (2, 5, 5, 0, 2), (2, 5, 5, 1, 2), (2, 5, 5, 11, 3), (2, 5, 5, 99, 5), (0, 1, 1, 9, 1), (0, 3, 1, 2, 2),
        ]
    )
    func bounds(min: Int, max: Int, queueLength: Int, queued: Int, expected: Int) {
        let rule = Self.rule(min: min, max: max, queueLength: queueLength)
        #expect(rule.recommendation(for: Self.depth(queued)) == expected)
    }

    @Test("500 envelopes take an actor from 0 to 8 and back to 0")
    func timeline() {
        var scaler = Autoscaler(rule: .byDepth(Self.rule()), now: .zero)
        #expect(scaler.desired == 0 && scaler.waitsForFirstMessage)
        #expect(scaler.observe(.zero, now: .zero) == 0)
        #expect(scaler.observe(Self.depth(500), now: .seconds(3)) == 8)
        #expect(!scaler.waitsForFirstMessage)
        #expect(scaler.nextPoll == .seconds(13))
        #expect(scaler.observe(Self.depth(400, 8), now: .seconds(13)) == 8)
        // Work ends at 23 s; pairs stay for the cooldown.
        #expect(scaler.observe(Self.depth(12, 8), now: .seconds(23)) == 8)
        #expect(scaler.observe(.zero, now: .seconds(33)) == 8)
        #expect(scaler.observe(.zero, now: .seconds(73)) == 4, "the highest need since 13 s was that of 23 s")
        #expect(scaler.observe(.zero, now: .seconds(82)) == 4)
        #expect(scaler.observe(.zero, now: .seconds(83)) == 0)
        #expect(scaler.waitsForFirstMessage)
    }

    @Test("a message during the cooldown begins it anew")
    func cooldownRestarts() {
        var scaler = Autoscaler(rule: .byDepth(Self.rule()), now: .zero)
        #expect(scaler.observe(Self.depth(1), now: .zero) == 1)
        #expect(scaler.observe(Self.depth(0, 1), now: .seconds(50)) == 1)
        #expect(scaler.observe(.zero, now: .seconds(60)) == 1)
        #expect(scaler.observe(.zero, now: .seconds(109)) == 1)
        #expect(scaler.observe(.zero, now: .seconds(110)) == 0)
    }

    @Test("a held message keeps a pair, however long it takes")
    func inFlightKeeps() {
        var scaler = Autoscaler(rule: .byDepth(Self.rule(cooldown: .zero)), now: .zero)
        for second in 0..<1000 { #expect(scaler.observe(Self.depth(0, 1), now: .seconds(second)) == 1) }
        #expect(scaler.observe(.zero, now: .seconds(1000)) == 0)
    }

    @Test("with a long cooldown all but one pair end after five minutes, the last after the cooldown")
    func longCooldown() {
        var scaler = Autoscaler(rule: .byDepth(Self.rule(cooldown: .seconds(600))), now: .zero)
        #expect(scaler.observe(Self.depth(500), now: .zero) == 8)
        #expect(scaler.observe(.zero, now: .seconds(299)) == 8)
        #expect(scaler.observe(.zero, now: .seconds(300)) == 1)
        #expect(scaler.observe(.zero, now: .seconds(599)) == 1)
        #expect(scaler.observe(.zero, now: .seconds(600)) == 0)
    }

    @Test("with a minimum the last pairs never end, and arrivals are not waited for")
    func minimum() {
        var scaler = Autoscaler(rule: .byDepth(Self.rule(min: 2, cooldown: .zero)), now: .zero)
        #expect(scaler.desired == 2 && !scaler.waitsForFirstMessage)
        #expect(scaler.observe(Self.depth(100), now: .zero) == 8)
        #expect(scaler.observe(.zero, now: .seconds(10)) == 2)
        #expect(scaler.observe(.zero, now: .seconds(9999)) == 2)
    }

    @Test("a fixed number of replicas stays, whatever waits")
    func fixed() {
        var scaler = Autoscaler(rule: .fixed(replicas: 3), now: .zero)
        #expect(scaler.nextPoll == nil && !scaler.waitsForFirstMessage)
        #expect(scaler.observe(Self.depth(1000), now: .seconds(5)) == 3)
        #expect(Autoscaler(rule: .fixed(replicas: 0), now: .zero).desired == 0)
    }

    @Test("random depths: never below need, never outside the bounds, zero only after the cooldown", arguments: 0..<20)
    func randomWalk(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        let rule = Self.rule(
            min: Int.random(in: 0...2, using: &generator),
            max: Int.random(in: 2...9, using: &generator),
            cooldown: .seconds(Int.random(in: 0...400, using: &generator))
        )
        var scaler = Autoscaler(rule: .byDepth(rule), now: .zero)
        var now = Duration.zero
        var lastActive: Duration?
        for _ in 0..<2000 {
            now += .seconds(Int.random(in: 1...30, using: &generator))
            let queued = Bool.random(using: &generator) ? 0 : Int.random(in: 0...60, using: &generator)
            let depth = QueueDepth(queued: queued, inFlight: Int.random(in: 0...1, using: &generator))
            if depth.total > 0 { lastActive = now }
            let before = scaler.desired
            let desired = scaler.observe(depth, now: now)
            #expect(desired >= rule.recommendation(for: depth))
            #expect(desired >= rule.minReplicas && desired <= rule.maxReplicas)
            if before > 0, desired == 0 {
                #expect(depth.total == 0)
                #expect(now >= (lastActive ?? .zero) + rule.cooldownPeriod)
            }
        }
    }
}
