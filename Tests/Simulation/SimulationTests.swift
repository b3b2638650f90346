import Glibc
import Testing

/// The whole sidecar in seeded worlds (`style.md` section 4): the code of production, virtual time, faults by
/// probability. What is always checked stands in `Pod`, `DeliveryRecord`, `PublicationJudge` and `SimulatedTransport`.
///
/// `ASYA_SIMULATION_SEED` names the first seed, `ASYA_SIMULATION_RUNS` how many are tried; a failure prints its seed.
@Suite("The sidecar in a hostile world")
struct SimulationTests {
    /// Seeds of the ordinary test run: enough for every kind of fault to occur in every scenario.
    private static let fixedSeeds: Range<UInt64> = 1..<4

    @Test("settles every message, whatever happens", arguments: Scenario.all)
    func settlesEverything(_ scenario: Scenario) {
        let first = Self.number("ASYA_SIMULATION_SEED")
        let runs = Self.number("ASYA_SIMULATION_RUNS")
        var seeds = Self.fixedSeeds
        if first != nil || runs != nil { seeds = (first ?? 1)..<((first ?? 1) + (runs ?? 1)) }
        for seed in seeds {
            // A trap inside the sidecar ends this process: whoever asked for seeds wants to know which one it was.
            if runs != nil || first != nil { Self.say("simulation: \(scenario.name), seed \(seed)\n") }
            let violation = World(scenario: scenario, seed: seed).run()
            #expect(violation == nil, "\(violation ?? "")")
            guard violation == nil else { return }
        }
    }

    /// Unbuffered, so that it is not lost with the process.
    private static func say(_ line: String) {
        var line = line
        line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func number(_ variable: String) -> UInt64? {
        getenv(variable).flatMap { UInt64(String(cString: $0)) }
    }
}
