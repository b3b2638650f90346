import LocalQueue
import Support

/// What the embedded transport is told.
struct EmbeddedConfiguration: Sendable {
    let path: String
    let synchronous: LocalQueue.Synchronous
    let visibility: Duration
    /// Nothing is held longer than this in all.
    let maximumHold: Duration
    /// Bytes of bodies in one claim.
    let claimByteCount: Int
    let queueName: String
    /// Delays between looks for a missing queue of our own.
    let queueBackoff: Duration
}

extension SidecarConfiguration {
    /// Large bodies gain nothing from a wide claim, and all of them are in memory at once.
    private static let largestClaimByteCount = 4 * 1024 * 1024
    /// Beyond the time that handlers and restarts may take: publishing, reporting.
    private static let holdMargin = Duration.seconds(120)

    /// - Throws: `ConfigurationError` without a path (found when the environment is read, too).
    func embedded() throws(ConfigurationError) -> EmbeddedConfiguration {
        guard let path = self.embeddedSettings.path else { throw .missing(variable: Variables.embeddedPath.name) }
        // The messages before it in our hands may each take as long as a call may take; unpinned, a window of more
        // than one is only for handlers that are fast.
        let callCount = (self.embeddedSettings.prefetch ?? 1) + 1
        return EmbeddedConfiguration(
            path: path,
            synchronous: self.embeddedSettings.synchronous,
            visibility: self.embeddedSettings.visibilityTimeout,
            maximumHold: self.runtimeTimeout * callCount + self.runtimeReadyTimeout + Self.holdMargin,
            claimByteCount: min(self.maxInFlightByteCount, Self.largestClaimByteCount),
            queueName: self.queueName,
            queueBackoff: self.queueRetryBackoff
        )
    }
}
