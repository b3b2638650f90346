import SeededRandom

/// The one source of chance in a world. A class, because everything in the world draws from it in turn.
final class Dice {
    private var random: SeededRandom

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    func happens(_ probability: Double) -> Bool {
        Double(self.random.next() >> 11) / Double(UInt64(1) << 53) < probability
    }

    func count(_ range: ClosedRange<Int>) -> Int { self.random.count(range) }

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
