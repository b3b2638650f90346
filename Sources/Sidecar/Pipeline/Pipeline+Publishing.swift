import Envelope
import Support
import Traces

/// From the runtime's reply to the broker's confirm.
extension Pipeline {
    /// Publishes a message's plan; with a gateway, after the reports and registrations that have to come first, and
    /// in the order in which the runtime got the messages.
    func publishAfterReports(_ message: InFlightMessage) {
        guard let gateway = self.gateway, let view = message.view, let idToken = view.idToken else {
            self.publish(message)
            return
        }
        message.state.waitsForGateway()
        self.outgoing.append(message)
        let id = idToken.string(in: message.body.bytes)
        let ready: () -> Void = { [weak self] in
            message.isReadyToPublish = true
            self?.publishReady()
        }
        let register: () -> Void = { [weak self] in
            guard let self else { return }
            let children = self.children(of: message, id: id)
            if children.isEmpty {
                ready()
            } else {
                gateway.registerChildren(children, done: ready)
            }
        }
        if self.reachesEndActor(message) {
            gateway.whenReportsAttempted(id: id, done: register)
        } else {
            register()
        }
    }

    private func publishReady() {
        guard self.mode != .ended else { return }
        while let message = self.outgoing.first, message.isReadyToPublish {
            _ = self.outgoing.popFirst()
            self.publish(message)
        }
    }

    /// Whether an envelope of the plan goes to happy-end or error-end: a late report must not overtake it.
    private func reachesEndActor(_ message: InFlightMessage) -> Bool {
        switch message.plan {
        case .none, .deadLetter: return false
        case .input, .error: return true
        case .elements(let reply):
            guard let bytes = message.reply?.bytes else { return false }
            for element in reply.elements(in: bytes) {
                guard let actor = element.destination else { return true }
                if actor.equals(self.rules.happyEnd, in: bytes) || actor.equals(self.rules.errorEnd, in: bytes) {
                    return true
                }
            }
            return false
        }
    }

    private func children(of message: InFlightMessage, id: String) -> [ChildRegistration] {
        guard case .elements(let reply) = message.plan, reply.elementCount > 1, let bytes = message.reply?.bytes
        else { return [] }
        return reply.elements(in: bytes).enumerated().dropFirst().map { index, element in
            ChildRegistration(
                id: "\(id)-\(index)",
                parentID: id,
                actorsJSON: element.route?.actorsRange.map { Array(bytes[$0]) } ?? [],
                currentIndex: element.route?.current ?? 0
            )
        }
    }

    // MARK: Handing envelopes to the transport

    /// Publishes everything the plan says.
    func publish(_ message: InFlightMessage) {
        message.publishedAt = self.clock.now
        message.isFanOut = false
        guard case .elements(let reply) = message.plan, let bytes = message.reply?.bytes else {
            message.publicationCount = 1
            message.state.publishes(1)
            self.publishSingle(message)
            return
        }
        message.publicationCount = reply.elementCount
        message.state.publishes(reply.elementCount)
        if reply.elementCount == 1, let element = reply.firstElement {
            self.publish(element, index: 0, of: message, replyBytes: bytes)
            return
        }
        message.isFanOut = true
        for (index, element) in reply.elements(in: bytes).enumerated() {
            self.publish(element, index: index, of: message, replyBytes: bytes)
        }
    }

    /// Publishes one envelope of the plan again.
    private func publishAgain(_ index: Int, of message: InFlightMessage) {
        guard case .elements(let reply) = message.plan, let bytes = message.reply?.bytes else {
            self.publishSingle(message)
            return
        }
        for (position, element) in reply.elements(in: bytes).enumerated() where position == index {
            self.publish(element, index: index, of: message, replyBytes: bytes)
        }
    }

    private func publish(
        _ element: ReplyElement,
        index: Int,
        of message: InFlightMessage,
        replyBytes: UnsafeRawBufferPointer
    ) {
        guard let view = message.view else { preconditionFailure("only an envelope has a reply") }
        self.outbound.removeAll()
        var sink = EnvelopeSink(list: self.outbound, inputSlice: message.body, replySlice: message.reply)
        EnvelopeWriter.write(
            view,
            in: message.body.bytes,
            element: element,
            in: replyBytes,
            fanOutIndex: index,
            to: &sink
        )
        let trace = self.transport.carriesTraces ? message.trace(of: element, in: replyBytes) : nil
        self.send(message, index: index, trace: trace, to: self.target(of: element, replyBytes: replyBytes))
    }

    /// Publishes the one envelope of a plan that is not a list of elements.
    private func publishSingle(_ message: InFlightMessage) {
        self.outbound.removeAll()
        switch message.plan {
        case .elements, .none:
            preconditionFailure("a plan with one envelope")
        case .input, .deadLetter:
            self.outbound.append(message.body)
        case .error(let problem, let omitsPayload):
            guard let view = message.view else { preconditionFailure("an error envelope needs what was salvaged") }
            var sink = EnvelopeSink(list: self.outbound, inputSlice: message.body, replySlice: message.reply)
            ErrorEnvelope(
                input: view,
                problem: problem,
                failedActor: self.rules.ownName,
                omitsPayload: omitsPayload
            ).write(in: message.body.bytes, to: &sink)
        }
        let trace = self.transport.carriesTraces ? message.trace : nil
        self.send(message, index: 0, trace: trace, to: self.singleTarget(of: message))
    }

    private func send(_ message: InFlightMessage, index: Int, trace: TraceHeaders?, to target: PublishTarget) {
        // The transport has taken the bytes over; the list must not keep message and reply alive until the next one.
        defer { self.outbound.removeAll() }
        self.metrics.sentByteCount.observe(Double(self.outbound.byteCount))
        message.target = target
        let token = UInt64(message.index) << 32 | UInt64(index)
        let hop = Hop(receipt: message.receipt, publicationCount: message.publicationCount)
        let bytes = message.body.bytes
        guard let id = message.view?.idToken, index > 0 || id.hasEscapes else {
            let range = message.view?.idToken?.contents ?? 0..<0
            self.transport.publish(
                self.outbound,
                to: target.destination,
                messageID: UnsafeRawBufferPointer(rebasing: bytes[range]),
                trace: trace,
                token: token,
                hop: hop
            )
            return
        }
        // Rare: a fan-out child, or an id written with escapes.
        var text = id.string(in: bytes)
        if index > 0 { text += "-\(index)" }
        text.withUTF8 {
            self.transport.publish(
                self.outbound,
                to: target.destination,
                messageID: UnsafeRawBufferPointer($0),
                trace: trace,
                token: token,
                hop: hop
            )
        }
    }

    private func target(of element: ReplyElement, replyBytes: UnsafeRawBufferPointer) -> PublishTarget {
        guard let actor = element.destination else { return self.happyEndTarget }
        guard actor.hasEscapes else {
            return self.targets.target(forActor: UnsafeRawBufferPointer(rebasing: replyBytes[actor.contents]))
        }
        var name = actor.string(in: replyBytes)
        return name.withUTF8 { self.targets.target(forActor: UnsafeRawBufferPointer($0)) }
    }

    private func singleTarget(of message: InFlightMessage) -> PublishTarget {
        switch message.plan {
        case .input: return self.emptyResultTarget
        case .deadLetter:
            guard let target = self.deadLetterTarget else { preconditionFailure("no dead-letter queue is set") }
            return target
        case .error, .elements, .none: return self.errorEndTarget
        }
    }

    private func target(of index: Int, in message: InFlightMessage) -> PublishTarget {
        guard case .elements(let reply) = message.plan, let bytes = message.reply?.bytes else {
            return self.singleTarget(of: message)
        }
        for (position, element) in reply.elements(in: bytes).enumerated() where position == index {
            return self.target(of: element, replyBytes: bytes)
        }
        preconditionFailure("an index inside the reply")
    }

    // MARK: The broker's answers

    func publicationSettled(token: UInt64, outcome: PublicationOutcome) {
        guard self.mode != .ended else { return }
        let message = self.table[Int(token >> 32)]
        let index = Int(token & 0xffff_ffff)
        let target = message.isFanOut ? self.target(of: index, in: message) : message.target ?? self.errorEndTarget
        let seconds = self.clock.now.seconds(since: message.publishedAt)
        target.sendDuration.observe(seconds)
        self.metrics.confirmDuration.observe(seconds)
        switch outcome {
        case .accepted:
            target.sent.increment()
            self.perform(message.state.publicationAccepted(), for: message)
        case .refused(let failure):
            self.refused(message, index: index, failure)
        }
    }

    private func refused(_ message: InFlightMessage, index: Int, _ failure: PublicationFailure) {
        if failure == .deliveryLost { message.isForgotten = true }
        let isWorthRetrying = self.mode == .running && message.state.mayRetryPublication
        switch isWorthRetrying || failure == .tooLarge || failure == .notCarried
            ? message.attempts[index, default: PublicationRetry()].refused(failure, now: self.clock.now)
            : self.lastResort(message, failure)
        {
        case .retry(let delay):
            if message.retries.isEmpty, message.due == .distantFuture { self.timed.append(message) }
            // What is stored together is tried again together.
            let due = self.transport.groupsHops ? message.retries.first?.due : nil
            message.retries.append(
                .init(
                    element: index,
                    due: due ?? self.clock.now + delay,
                    waitsForConnection: failure == .connectionLost
                )
            )
        case .replaceByError:
            message.obstacle = failure == .notCarried ? .notCarried : .tooLarge
            self.perform(message.state.publicationGivenUp(), for: message)
        case .giveUp:
            self.log.warning(
                "Publication failed",
                message,
                ["destination": self.target(of: index, in: message).destination.queueName, "reason": "\(failure)"]
            )
            self.dropRetries(of: message)
        }
    }

    /// While the process ends a lost connection is not waited for; the timeout's error envelope gets what is left of
    /// its patience.
    private func lastResort(_ message: InFlightMessage, _ failure: PublicationFailure) -> PublicationRetry.Decision {
        guard message.isLastBeforeCrash, failure != .deliveryLost, message.state.mayRetryPublication else {
            return .giveUp
        }
        return .retry(after: PublicationRetry.firstDelay)
    }

    /// One publication was given up, and with it those that wait for another attempt.
    private func dropRetries(of message: InFlightMessage) {
        let waiting = message.retries.count
        message.retries.removeAll(keepingCapacity: true)
        var action = message.state.publicationGivenUp()
        for _ in 0..<waiting { action = message.state.publicationGivenUp() }
        self.perform(action, for: message)
    }

    private func perform(_ action: MessageState.Action, for message: InFlightMessage) {
        switch action {
        case .wait:
            break
        case .acknowledge:
            if case .deadLetter = message.plan {
                self.metrics.failed(RoutingDecision.FailureReason.deadLettered.rawValue).increment()
            }
            self.acknowledge(message)
        case .giveBack:
            self.publicationFailed(message)
        }
    }

    /// All publications are answered and at least one was given up.
    private func publicationFailed(_ message: InFlightMessage) {
        if message.isForgotten, self.transport.groupsHops {
            // Whoever has the message now publishes what follows from it.
            self.giveBack(message, cause: .deliveryLost)
            return
        }
        if let obstacle = message.obstacle, self.replaceByError(message, obstacle) { return }
        switch message.plan {
        case .error:
            self.metrics.failed(RoutingDecision.FailureReason.errorQueueSendFailed.rawValue).increment()
            self.giveBack(message, cause: .errorQueueSendFailed)
        case .deadLetter:
            self.holdBack(message, attempt: self.limits.maxDeliveries, cause: .deadLetterFailed)
        case .elements, .input, .none:
            self.metrics.failed(RoutingDecision.FailureReason.routingError.rawValue).increment()
            self.giveBack(message, cause: .routingError)
        }
    }

    /// The broker will never take this envelope: an error envelope instead, without the payload if that is not taken
    /// either. Returns false when there is nothing less left.
    private func replaceByError(_ message: InFlightMessage, _ obstacle: InFlightMessage.Obstacle) -> Bool {
        message.obstacle = nil
        let omitsPayload: Bool
        switch message.plan {
        case .elements, .input: omitsPayload = false
        case .error(_, omitsPayload: false): omitsPayload = true
        case .error, .deadLetter, .none: return false
        }
        self.metrics.failed(RoutingDecision.FailureReason.routingError.rawValue).increment()
        let problem: ErrorEnvelope.Problem
        switch obstacle {
        case .tooLarge:
            self.log.warning("Message is too large for the broker", message, [:])
            problem = .text("failed to publish: message too large")
        case .notCarried:
            self.log.warning("Message has characters that the broker does not carry", message, [:])
            problem = .text("failed to publish: message has characters that the queue does not carry")
        }
        message.processedAs = nil
        message.attempts.removeAll(keepingCapacity: true)
        message.plan = .error(problem, omitsPayload: omitsPayload)
        self.publish(message)
        return true
    }

    // MARK: Time

    /// Publishes again and releases what is due.
    func performTimed(now: MonotonicTime) {
        for message in self.timed where !message.retries.isEmpty { self.performRetries(of: message, now: now) }
        for message in self.timed where message.due <= now { self.release(message) }
        self.timed.removeAll { $0.retries.isEmpty && $0.due == .distantFuture }
    }

    private func performRetries(of message: InFlightMessage, now: MonotonicTime) {
        guard self.transport.canPublish else {
            // The connection's return wakes them; until then only the patience is watched.
            if message.attempts.values.contains(where: { $0.isOutOfPatience(now: now) }) {
                self.log.warning("Publication failed", message, ["reason": "connectionLost"])
                message.retries.removeLast()
                self.dropRetries(of: message)
                return
            }
            for index in message.retries.indices {
                message.retries[index].due = max(message.retries[index].due, now + PublicationRetry.firstDelay)
            }
            return
        }
        let due = message.retries.filter { $0.due <= now }
        message.retries.removeAll { $0.due <= now }
        for retry in due { self.publishAgain(retry.element, of: message) }
    }
}
