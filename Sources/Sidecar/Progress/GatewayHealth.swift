/// Whether waiting for the gateway makes sense (`sidecar.md` 9.2, 14.11). The wait before a terminal envelope keeps
/// reports in order; with a gateway that fails or hangs it would only slow the messages down, and the gateway ignores
/// late progress anyway. A pure value.
struct GatewayHealth: Equatable {
    /// Failures in a row after which nobody waits any more; one envelope that is unknown fails this often at once.
    static let failureLimit = 5

    private var failureCount = 0
    private var hasExpiredWait = false

    /// Whether to wait for reports at all.
    var isWorthWaiting: Bool { self.failureCount < Self.failureLimit && !self.hasExpiredWait }

    mutating func reportAccepted() {
        self.failureCount = 0
        self.hasExpiredWait = false
    }

    mutating func reportFailed() {
        self.failureCount = min(self.failureCount + 1, Self.failureLimit)
    }

    /// Somebody waited as long as allowed, in vain.
    mutating func waitExpired() {
        self.hasExpiredWait = true
    }
}
