import Envelope
import Support

/// From the queue to the runtime.
extension Pipeline {
    /// A delivery arrived.
    func received(_ message: ReceivedMessage) {
        let now = self.clock.now
        self.metrics.messagesReceived.increment()
        self.metrics.receivedByteCount.observe(Double(message.body.count))
        self.metrics.receiveDuration.observe(now.seconds(since: self.lastReceived))
        self.lastReceived = now
        if message.isRedelivered { self.metrics.redelivered.increment() }
        self.largestBodyByteCount = max(message.body.count, self.largestBodyByteCount * 7 / 8)
        let slot = self.table.insert(message)
        slot.receivedAt = now
        self.heldByteCount += message.body.count
        if self.mode == .running {
            self.queued.append(slot)
            // One read may bring many deliveries: the bound must not wait for the end of the turn.
            self.updatePause()
        } else {
            self.releaseNow(slot, cause: .shutdown)
        }
    }

    /// Hands queued messages to the runtime as far as it takes them. Messages that never reach it (malformed,
    /// misrouted) are answered on the way.
    func takeUp() {
        while self.mode == .running, self.transport.canPublish || self.rules.isEndActor,
            let message = self.queued.first, self.runtimeHasRoom
        {
            _ = self.queued.popFirst()
            self.takeUp(message)
        }
    }

    private var runtimeHasRoom: Bool {
        let depth = self.runtime.depth
        guard depth > 0 else { return false }
        return self.inRuntime.count < (self.window.allowsSendingAhead ? depth : 1)
    }

    private func takeUp(_ message: InFlightMessage) {
        if message.isActive {
            // Admitted before; the runtime's connection broke before the handler saw it.
            self.handOver(message)
            return
        }
        message.isActive = true
        message.takenUpAt = self.clock.now
        self.metrics.activeMessages.add(1)
        let bytes = message.body.bytes
        do throws(EnvelopeError) {
            let view = try EnvelopeView.scan(bytes)
            message.view = view
            self.admit(message, view)
        } catch {
            message.view = error.salvage
            self.perform(RoutingDecision.admit(unreadable: error, rules: self.rules), for: message)
        }
    }

    private func admit(_ message: InFlightMessage, _ view: EnvelopeView) {
        let bytes = message.body.bytes
        if self.gateway != nil, !self.rules.isEndActor, !view.isIDMissingOrEmpty {
            self.report(.received(messageByteCount: bytes.count), of: message)
        }
        let wallClock = self.rules.enforcesDeadline ? self.clock.wallClock : 0
        self.perform(
            RoutingDecision.admit(view, in: bytes, rules: self.rules, wallClock: wallClock),
            for: message
        )
    }

    private func perform(_ admission: RoutingDecision.Admission, for message: InFlightMessage) {
        switch admission {
        case .callRuntime:
            if self.gateway != nil, !self.rules.isEndActor {
                self.report(.processing(actor: self.rules.ownName), of: message)
            }
            self.handOver(message)
        case .reject(let problem, let reason):
            self.metrics.failed(reason.rawValue).increment()
            self.log.rejected(message, problem: problem, reason: reason, ownName: self.rules.ownName)
            message.plan = .error(problem, omitsPayload: false)
            self.publishAfterReports(message)
        case .refuse(let reason):
            self.metrics.failed(reason.rawValue).increment()
            self.log.warning(
                "Message cannot be read by an end actor, giving it back",
                message,
                ["reason": reason.rawValue]
            )
            self.giveBack(message, cause: .unreadable)
        }
    }

    private func handOver(_ message: InFlightMessage) {
        message.state.handedToRuntime()
        message.handedOverAt = self.clock.now
        if self.inRuntime.isEmpty { self.servedSince = message.handedOverAt }
        self.inRuntime.append(message)
        self.runtime.send(message.body)
    }

    /// Queues a progress report.
    func report(_ stage: ProgressStage, of message: InFlightMessage, reply: RuntimeReply? = nil) {
        guard let gateway = self.gateway, let view = message.view, let id = view.idToken else { return }
        let bytes = message.body.bytes
        var actors = view.actorsRange.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }
        if let range = reply?.firstElement?.route?.actorsRange, let slice = message.reply {
            actors = UnsafeRawBufferPointer(rebasing: slice.bytes[range])
        }
        gateway.reportProgress(
            stage,
            id: id.string(in: bytes),
            actorsJSON: actors ?? UnsafeRawBufferPointer(start: nil, count: 0),
            currentIndex: view.current
        )
    }
}
