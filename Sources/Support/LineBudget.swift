/// Decides how often lines of one kind may be logged (`sidecar.md` section 11): the first ten in a second pass, the
/// rest is counted and reported afterwards. A pure value; time comes in as an argument.
public struct LineBudget: Sendable {
    /// Lines of one kind that were dropped.
    public struct Summary: Equatable, Sendable {
        /// The kind, as given to `admits`.
        public let kind: String
        /// How many.
        public let suppressedCount: Int
    }

    /// Lines per kind and second (`sidecar.md` section 11).
    public static let linesPerSecond = 10
    /// Kinds that are told apart; our texts are constants, so this is far above their number. Any more share one.
    public static let kindLimit = 128
    private static let windowNanoseconds: UInt64 = 1_000_000_000

    private struct Window {
        var start: UInt64
        var lineCount = 0
        var suppressedCount = 0
    }

    private var windows: [String: Window] = [:]
    /// Kinds with something to report, so that looking for summaries costs nothing as a rule.
    private var suppressedKindCount = 0

    /// A budget of which nothing is used.
    public init() {}

    /// Whether a line may be logged. Take `summaries` before, so that the count of an ended second is reported.
    public mutating func admits(kind: String, now nanoseconds: UInt64) -> Bool {
        let key = self.windows[kind] != nil || self.windows.count < Self.kindLimit ? kind : "other"
        var window = self.windows[key] ?? Window(start: nanoseconds)
        if nanoseconds >= window.start &+ Self.windowNanoseconds, window.suppressedCount == 0 {
            window = Window(start: nanoseconds)
        }
        let isAdmitted = window.lineCount < Self.linesPerSecond
        if isAdmitted {
            window.lineCount += 1
        } else {
            if window.suppressedCount == 0 { self.suppressedKindCount += 1 }
            window.suppressedCount += 1
        }
        self.windows[key] = window
        return isAdmitted
    }

    /// What was dropped in seconds that are over, by kind; forgets it.
    public mutating func summaries(now nanoseconds: UInt64) -> [Summary] {
        guard self.suppressedKindCount > 0 else { return [] }
        return self.takeSummaries { nanoseconds >= $0 &+ Self.windowNanoseconds }
    }

    /// Everything that was dropped and not reported yet, for the end of the process.
    public mutating func allSummaries() -> [Summary] {
        self.takeSummaries { _ in true }
    }

    private mutating func takeSummaries(where isOver: (UInt64) -> Bool) -> [Summary] {
        var found: [Summary] = []
        for (kind, window) in self.windows where window.suppressedCount > 0 && isOver(window.start) {
            found.append(Summary(kind: kind, suppressedCount: window.suppressedCount))
        }
        for summary in found { self.windows[summary.kind] = nil }
        self.suppressedKindCount -= found.count
        return found.sorted { $0.kind < $1.kind }
    }
}
