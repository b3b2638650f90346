internal import Support

/// How long a connection to PostgreSQL is used (`gateway.md` 1.1): servers move and firewalls forget idle connections.
/// Pure. A limit of 0 or less counts as none.
struct ConnectionAges: Sendable, Equatable {
    /// Since it was opened.
    var lifetime: Duration
    /// Since it was used.
    var idleTime: Duration

    static let unlimited = ConnectionAges(lifetime: .zero, idleTime: .zero)

    /// Whether a connection should be replaced before it is used again; times in monotonic nanoseconds.
    func isOver(openedAt: UInt64, usedAt: UInt64, now: UInt64) -> Bool {
        func exceeds(_ limit: Duration, _ since: UInt64) -> Bool {
            limit > .zero && now &- since > UInt64(GoDuration(limit).nanoseconds)
        }
        return exceeds(self.lifetime, openedAt) || exceeds(self.idleTime, usedAt)
    }
}
