internal import CProcess
internal import Logging
internal import ServiceLifecycle

/// What has to be done again and again: overdue envelopes, messages that were never sent, retention.
struct Housekeeping: Service {
    /// A deadline is missed by at most this much.
    private static let sweepInterval = Duration.milliseconds(500)
    /// Longer than a send may take, so that no other replica is still at it.
    private static let unsentAge = Duration.seconds(12)
    private static let resendInterval = Duration.seconds(3)
    private static let pruneInterval = Duration.seconds(60)
    /// From the start until everything has run once. Most of the program's code is needed for that alone, and would be half
    /// of an idle gateway's memory; pages that are used again come from the system's cache within microseconds.
    private static let settlingTime = Duration.milliseconds(300)
    private static let forgetInterval = Duration.seconds(60)
    /// Rows per transaction, so that others get their turn.
    private static let batch = 500

    let services: GatewayServices
    let retention: RetentionRules

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.forever("deadlines", every: Self.sweepInterval, self.sweep) }
            group.addTask { await self.forever("unsent", every: Self.resendInterval, self.resend) }
            group.addTask { await self.forever("retention", every: Self.pruneInterval, self.prune) }
            group.addTask {
                guard (try? await Task.sleep(for: Self.settlingTime)) != nil else { return }  // Cancelled.
                await self.forever("memory", every: Self.forgetInterval) { cprocess_forget_clean_pages() }
            }
        }
    }

    /// A failure is logged and tried again with the next round.
    private func forever(
        _ name: String,
        every interval: Duration,
        _ work: @escaping @Sendable () async throws -> Void
    ) async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await work()
                } catch {
                    services.logger.warning("Housekeeping failed", metadata: ["part": "\(name)", "error": "\(error)"])
                }
                guard (try? await Task.sleep(for: interval)) != nil else { return }  // Cancelled.
            }
        }
    }

    private func sweep() async throws {
        while true {
            let ended = try await self.services.store.failOverdue(limit: Self.batch)
            for envelope in ended { self.services.metrics.ended(envelope, now: .now()) }
            if ended.count < Self.batch { return }
        }
    }

    private func resend() async throws {
        for record in try await self.services.store.unsent(olderThan: Self.unsentAge, limit: Self.batch) {
            self.services.logger.warning("Sending an envelope again", metadata: ["id": "\(record.state.id)"])
            self.services.service.sender.send(record)
        }
    }

    private func prune() async throws {
        while try await self.services.store.prune(self.retention, limit: Self.batch) > 0 {}
    }
}

/// Tells streams and `/ready` as soon as the shutdown begins.
struct DrainOnShutdown: Service {
    let services: GatewayServices
    let mcp: MCPEndpoint

    func run() async throws {
        // Ends with the group's cancellation as well.
        try? await gracefulShutdown()
        self.services.drain()
        self.mcp.shutdown()
    }
}
