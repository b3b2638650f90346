import Envelope
import Support

/// What comes back from the runtime.
extension Pipeline: RuntimeEvents {
    func runtimeAvailable() {
        // `takeUp` at the end of this turn continues.
    }

    func runtimeReplied(_ reply: ByteSlice) {
        guard let message = self.inRuntime.popFirst() else { preconditionFailure("a reply belongs to a request") }
        let now = self.clock.now
        let callNanoseconds = now.nanoseconds - min(self.servedSince.nanoseconds, now.nanoseconds)
        message.callStartedAt = self.servedSince
        message.callEndedAt = now
        self.servedSince = now
        self.metrics.runtimeDuration.observe(Double(callNanoseconds) / 1e9)
        message.reply = reply
        self.heldByteCount += reply.count
        if self.window.recordCall(nanoseconds: callNanoseconds) { self.windowChanged() }
        if self.rules.isEndActor {
            self.finishEndActor(message, reply: reply)
            return
        }
        switch RoutingDecision.route(reply: reply.bytes) {
        case .publishElements(let elements):
            self.metrics.applyCustomMetrics(of: elements, in: reply.bytes)
            self.report(.completed(after: .nanoseconds(Int64(callNanoseconds))), of: message, reply: elements)
            message.plan = .elements(elements)
            message.processedAs = .success
        case .publishInput:
            message.plan = .input
            message.processedAs = .emptyResponse
        case .publishError(let problem, let errorType):
            self.runtimeFailed(message, problem: problem, errorType: errorType)
        }
        self.publishAfterReports(message)
    }

    func runtimeLost(oldestFailure: RuntimeFailure?) {
        if let failure = oldestFailure, let message = self.inRuntime.popFirst() {
            self.callFailed(message, failure)
        }
        let untouched = self.inRuntime.removeAll()
        for message in untouched { message.state.returnedByRuntime() }
        self.queued.prepend(untouched)
        if self.mode != .running { self.releaseQueued(cause: .shutdown) }
    }

    func runtimeGone() {
        guard self.mode == .running else { return }
        self.log.error("Runtime did not become ready in time, giving up")
        self.transport.setRuntimeAlive(false)
        self.owner?.pipelineFailed()
    }

    private func callFailed(_ message: InFlightMessage, _ failure: RuntimeFailure) {
        let now = self.clock.now
        self.metrics.runtimeDuration.observe(now.seconds(since: self.servedSince))
        message.callStartedAt = self.servedSince
        message.callEndedAt = now
        self.servedSince = now
        let problem = ErrorEnvelope.Problem.text(failure.description)
        self.runtimeFailed(message, problem: problem, errorType: RoutingDecision.executionError)
        if self.rules.isEndActor {
            self.giveBack(message, cause: .runtimeError)
        } else {
            self.publishAfterReports(message)
        }
    }

    /// Counts a failed call and plans its error envelope.
    private func runtimeFailed(_ message: InFlightMessage, problem: ErrorEnvelope.Problem, errorType: String) {
        self.metrics.failed(RoutingDecision.FailureReason.runtimeError.rawValue).increment()
        self.metrics.runtimeErrors(errorType).increment()
        self.log.warning("Runtime call failed", message, ["error_type": errorType])
        message.plan = .error(problem, omitsPayload: false)
    }

    private func windowChanged() {
        self.metrics.inFlightWindow.set(Double(self.window.messageCount))
        self.transport.setWindow(self.window.messageCount)
        // Messages beyond a narrower window that were not started belong to other pods.
        let held = self.table.count - self.queued.count
        while self.queued.count > 0, held + self.queued.count > self.window.messageCount {
            let kept = max(0, self.window.messageCount - held)
            let all = self.queued.removeAll()
            for message in all.prefix(kept) { self.queued.append(message) }
            for message in all.dropFirst(kept) { self.releaseNow(message, cause: .window) }
            return
        }
    }

    // MARK: End actors

    /// `sidecar.md` 4.3: nothing is published; the gateway hears the final status, then the message is acknowledged.
    private func finishEndActor(_ message: InFlightMessage, reply bytes: ByteSlice) {
        let reply: RuntimeReply
        do throws(ReplyError) {
            reply = try RuntimeReply.scan(bytes.bytes)
        } catch {
            self.runtimeFailed(message, problem: .invalidReply(error), errorType: RoutingDecision.executionError)
            self.giveBack(message, cause: .runtimeError)
            return
        }
        if let failure = reply.firstError {
            let code = failure.errorToken?.string(in: bytes.bytes) ?? RoutingDecision.executionError
            self.runtimeFailed(message, problem: .text(code), errorType: code)
            self.giveBack(message, cause: .runtimeError)
            return
        }
        self.metrics.applyCustomMetrics(of: reply, in: bytes.bytes)
        message.processedAs = .endConsumed
        guard let gateway = self.gateway, let report = self.finalReport(for: message, reply: reply) else {
            self.acknowledge(message)
            return
        }
        message.state.reportsFinal()
        gateway.reportFinal(report) { [weak self] outcome in
            guard let self, self.mode != .ended else { return }
            switch message.state.finalReported(outcome) {
            case .acknowledge: self.acknowledge(message)
            case .giveBack: self.giveBack(message, cause: .gatewayUnreachable)
            case .wait: break
            }
        }
    }

    private func finalReport(for message: InFlightMessage, reply: RuntimeReply) -> FinalReport? {
        guard let view = message.view, let reply = message.reply.map({ (reply, $0.bytes) }) else { return nil }
        guard
            let report = FinalStatus.report(
                of: view,
                in: message.body.bytes,
                reply: reply.0,
                replyBytes: reply.1,
                rules: self.rules
            )
        else {
            if !view.isIDMissingOrEmpty {
                self.log.warning("End actor has an unknown name, no final status is reported", message, [:])
            }
            return nil
        }
        return report
    }

    // MARK: Timeout

    /// `sidecar.md` 4.4: the handler may still be running, so the process ends after saying so.
    func runtimeTimedOut(_ message: InFlightMessage) {
        _ = self.inRuntime.popFirst()
        self.log.error("Runtime timeout exceeded - crashing pod to recover", message, [:])
        let timeout = self.limits.runtimeTimeout
        let now = self.clock.now
        self.metrics.runtimeDuration.observe(now.seconds(since: self.servedSince))
        message.callStartedAt = self.servedSince
        message.callEndedAt = now
        self.metrics.failed(RoutingDecision.FailureReason.runtimeError.rawValue).increment()
        self.metrics.runtimeErrors("timeout").increment()
        self.runtime.close()
        self.transport.setRuntimeAlive(false)
        self.mode = .crashing(giveUpAt: self.clock.now + self.limits.crashPatience)
        message.isLastBeforeCrash = true
        let others = self.inRuntime.removeAll()
        for other in others { other.state.returnedByRuntime() }
        self.queued.prepend(others)
        self.releaseEverythingNotPublishing(except: message)
        guard !self.rules.isEndActor else {
            self.reportTimeout(of: message)
            return
        }
        let text = "Runtime timeout exceeded after \(GoDuration(timeout))"
        message.plan = .error(.text(text), omitsPayload: false)
        self.publishAfterReports(message)
    }

    private func reportTimeout(of message: InFlightMessage) {
        guard let gateway = self.gateway, let view = message.view, !view.isIDMissingOrEmpty, let id = view.idToken
        else {
            self.endAfterCrash()
            return
        }
        let report = FinalReport(
            id: id.string(in: message.body.bytes),
            status: .timedOut,
            singleAttemptLimit: .seconds(1)
        )
        gateway.reportFinal(report) { [weak self] _ in self?.endAfterCrash() }
    }

    func endAfterCrash() {
        guard self.mode != .ended else { return }
        self.mode = .ended
        self.owner?.pipelineFailed()
    }
}
