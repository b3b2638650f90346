import LocalQueue
import Logging
import Support

/// When to look into the queue, and when to renew what is held.
extension EmbeddedTransport {
    /// What does not ring: a bell that was lost, a lease that ended.
    private static let lookInterval = Duration.seconds(1)
    /// Renewals that are due are collected this often, as a part of the lease.
    private static let leaseChecksPerLease = 8

    // MARK: Waiting for messages

    func lookAgain(after outcome: StoreOutcome) {
        guard let window = self.window else { return }
        guard outcome.queueExists else {
            let delay = self.queueBackoff.nextWithoutJitter()
            self.logger.warning(
                "The actor's queue does not exist, waiting for it",
                metadata: ["queue": "\(self.configuration.queueName)", "file": "\(self.configuration.path)"]
            )
            self.lookTimer?.start(after: delay)
            return
        }
        self.queueBackoff.reset()
        let hasRoom = window > self.leases.count
        if outcome.isMoreReady {
            // For us at once if there is room; otherwise for whoever else listens.
            if hasRoom { self.isLookDue = true } else { self.bell.ring(self.configuration.queueName) }
        }
        self.bellPoll?.wait(for: hasRoom ? .readable : [])
        self.lookTimer?.start(after: min(Self.lookInterval, outcome.nextVisibleAfter ?? Self.lookInterval))
    }

    func listen() {
        guard let descriptor = self.bell.listen(self.configuration.queueName) else {
            self.logger.warning(
                "No wake-ups beside the queue file, looking once per second",
                metadata: ["file": "\(self.configuration.path)"]
            )
            return
        }
        do throws(LoopError) {
            self.bellPoll = try DescriptorPoll(loop: self.loop, descriptor: descriptor) { [unowned self] _ in
                self.bell.drain(self.configuration.queueName)
                self.isLookDue = true
            }
            self.bellPoll?.wait(for: .readable)
        } catch {
            self.logger.warning("Cannot listen for wake-ups", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Leases

    func watchLeases() {
        guard self.leases.count > 0, self.leaseTimer?.isActive == false, case .running = self.phase else { return }
        self.leaseTimer?.start(after: self.configuration.visibility / Self.leaseChecksPerLease)
    }

    func renewLeases() {
        let now = self.loop.now
        var batch = self.leases.renewals(now: now)
        while !batch.isEmpty {
            self.staged.renewals.append(contentsOf: batch)
            batch = self.leases.renewals(now: now)
        }
        self.watchLeases()
    }
}
