import Support

/// The end of a delivery, and of the pipeline.
extension Pipeline {
    /// `cause` of `nacks_total`.
    enum ReleaseCause: String {
        case routingError = "routing_error"
        case errorQueueSendFailed = "error_queue_send_failed"
        case runtimeError = "runtime_error"
        case unreadable = "parse_error"
        case gatewayUnreachable = "gateway_unreachable"
        case deadLetterFailed = "dead_letter_failed"
        case deliveryLost = "delivery_lost"
        case window
        case shutdown
    }

    /// Everything derived from the message was accepted.
    func acknowledge(_ message: InFlightMessage) {
        if !message.isForgotten { self.transport.acknowledge(message.receipt) }
        if let status = message.processedAs { self.metrics.processed(status).increment() }
        self.tracer?.ended(message, .acknowledged, clock: self.clock)
        let isLast = message.isLastBeforeCrash
        self.forget(message)
        if isLast { self.endAfterCrash() }
    }

    /// Negative acknowledgement: to the dead-letter queue after too many deliveries, otherwise back to the queue when
    /// the back-off is over (`sidecar.md` 5.2, 5.4).
    func giveBack(_ message: InFlightMessage, cause: ReleaseCause) {
        if message.isLastBeforeCrash {
            self.endAfterCrash()
            return
        }
        if self.mode != .running || message.isForgotten {
            self.releaseNow(message, cause: cause)
            return
        }
        let attempt =
            message.previousDeliveries.map { $0 + 1 } ?? self.history.recordFailure(of: message.body.bytes)
        if self.limits.maxDeliveries > 0, attempt >= self.limits.maxDeliveries, self.deadLetterTarget != nil {
            message.plan = .deadLetter
            message.processedAs = nil
            message.attempts.removeAll(keepingCapacity: true)
            self.publish(message)
            return
        }
        // Once more in case the queue counts otherwise; a queue without such a policy gets the back-off again.
        let excess = attempt - self.limits.maxDeliveries
        if self.limits.maxDeliveries > 0, self.transport.deadLettersByItself, excess == 0 || excess == 1 {
            self.releaseNow(message, cause: cause)
            return
        }
        self.holdBack(message, attempt: attempt, cause: cause)
    }

    /// Lets the message wait for its back-off: in the queue where the transport can hide it there, otherwise
    /// unacknowledged in our hands.
    func holdBack(_ message: InFlightMessage, attempt: Int, cause: ReleaseCause) {
        if self.mode != .running || message.isForgotten {
            self.releaseNow(message, cause: cause)
            return
        }
        self.tracer?.ended(message, .givenBack(cause: cause.rawValue), clock: self.clock)
        self.metrics.nacks(cause.rawValue).increment()
        let unit = Double(self.random.next() >> 11) / Double(UInt64(1) << 53)
        let delay = ReleaseBackOff.delay(attempt: attempt, unitRandom: unit)
        guard !self.transport.canDelayRelease else {
            self.transport.release(message.receipt, after: delay)
            self.forget(message)
            return
        }
        message.state.heldBackForRelease()
        message.due = self.clock.now + delay
        self.timed.append(message)
    }

    /// Releases a held-back message.
    func release(_ message: InFlightMessage) {
        message.due = .distantFuture
        if !message.isForgotten { self.transport.release(message.receipt, after: .zero) }
        self.forget(message)
    }

    /// Gives a message back without delay.
    func releaseNow(_ message: InFlightMessage, cause: ReleaseCause) {
        self.tracer?.ended(message, .givenBack(cause: cause.rawValue), clock: self.clock)
        self.metrics.nacks(cause.rawValue).increment()
        self.timed.removeAll { $0 === message }
        self.release(message)
    }

    private func forget(_ message: InFlightMessage) {
        if message.isActive {
            self.metrics.activeMessages.add(-1)
            self.metrics.processingDuration.observe(self.clock.now.seconds(since: message.takenUpAt))
        }
        self.heldByteCount -= message.heldByteCount
        message.state.settled()
        self.table.remove(message)
    }

    // MARK: Lost connections

    /// The broker has put these deliveries back: those not started are dropped, the others finish without being
    /// settled (the message comes again: a duplicate, not a loss).
    func deliveriesForgotten(upToGeneration generation: UInt32) {
        let dropped = self.queued.removeAll { $0.receipt.generation <= generation }
        for message in self.table.held where message.receipt.generation <= generation { message.isForgotten = true }
        for message in dropped { self.release(message) }
        for message in self.timed where message.isForgotten && message.due != .distantFuture { self.release(message) }
        self.timed.removeAll { $0.retries.isEmpty && $0.due == .distantFuture }
    }

    func deliveryForgotten(_ receipt: Receipt) {
        guard let message = self.table.held.first(where: { $0.receipt == receipt }), !message.isForgotten else {
            return
        }
        message.isForgotten = true
        let isWaiting = !self.queued.removeAll { $0 === message }.isEmpty || message.due != .distantFuture
        if isWaiting { self.releaseNow(message, cause: .deliveryLost) }
    }

    func publishingAvailabilityChanged() {
        // `takeUp` at the end of this turn continues. What waits for a lost connection need not wait any longer.
        guard self.transport.canPublish else { return }
        let now = self.clock.now
        for message in self.timed {
            for index in message.retries.indices where message.retries[index].waitsForConnection {
                message.retries[index].due = now
            }
        }
    }

    // MARK: Shutdown

    /// Stops taking messages; what the runtime has is finished. `pipelineDrained` follows.
    func drain() {
        guard self.mode == .running else { return }
        self.mode = .draining
        self.gateway?.hurry()
        self.transport.stopReceiving()
        self.releaseQueued(cause: .shutdown)
        self.giveUpRetries()
    }

    /// Releases messages the handler has not seen.
    func releaseQueued(cause: ReleaseCause) {
        for message in self.queued.removeAll() { self.releaseNow(message, cause: cause) }
    }

    /// Everything that is neither in the runtime nor on its way to the broker goes back at once.
    func releaseEverythingNotPublishing(except kept: InFlightMessage) {
        self.transport.stopReceiving()
        self.releaseQueued(cause: .shutdown)
        self.giveUpRetries(except: kept)
    }

    private func giveUpRetries(except kept: InFlightMessage? = nil) {
        let waiting = self.timed.filter { $0 !== kept }
        self.timed.removeAll { $0 !== kept }
        for message in waiting {
            if message.due != .distantFuture {
                self.release(message)
            } else {
                self.giveUpPublications(of: message)
            }
        }
    }

    private func giveUpPublications(of message: InFlightMessage) {
        var action = MessageState.Action.wait
        for _ in message.retries { action = message.state.publicationGivenUp() }
        message.retries.removeAll(keepingCapacity: true)
        if action != .wait { self.releaseNow(message, cause: .shutdown) }
    }

    /// Forced end: everything held is released at once, finished or not.
    func abandon() {
        self.mode = .ended
        self.runtime.close()
        self.gateway?.abandon()
        for message in self.table.held where !message.isForgotten {
            self.transport.release(message.receipt, after: .zero)
        }
    }
}
