/// SplitMix64: a small generator whose whole state is one number, so that a seed replays a run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// The one source of chance in a world. A class, because everything in the world draws from it in turn.
final class Dice {
    private var random: SeededRandom

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    func happens(_ probability: Double) -> Bool {
        Double(self.random.next() >> 11) / Double(UInt64(1) << 53) < probability
    }

    func count(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(self.random.next() % UInt64(range.count))
    }

    func microseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(self.count(range))
    }

    func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(self.count((range.lowerBound * 1000)...(range.upperBound * 1000)))
    }

    func pick<Choice>(_ choices: [Choice]) -> Choice {
        choices[self.count(0...(choices.count - 1))]
    }

    /// A generator of its own for a part of the world.
    func split() -> SeededRandom {
        SeededRandom(seed: self.random.next())
    }
}
