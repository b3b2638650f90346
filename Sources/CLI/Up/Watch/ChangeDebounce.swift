/// Turns a burst of file changes (an editor's save, a checkout) into one restart.
struct ChangeDebounce: Equatable, Sendable {
    /// So long nothing may change before the change counts as finished.
    static let quiet: Duration = .milliseconds(300)
    /// A stream of changes without a pause is acted on after this time.
    static let longest: Duration = .seconds(3)

    private var first: Duration?
    private var last: Duration?

    /// When `isDue` should be asked again; nil when nothing has changed.
    var deadline: Duration? {
        guard let first = self.first, let last = self.last else { return nil }
        return min(last + Self.quiet, first + Self.longest)
    }

    /// Something has changed.
    mutating func changed(now: Duration) {
        self.first = self.first ?? now
        self.last = now
    }

    /// True once per burst, when it is over.
    mutating func isDue(now: Duration) -> Bool {
        guard let deadline = self.deadline, now >= deadline else { return false }
        self.first = nil
        self.last = nil
        return true
    }
}
