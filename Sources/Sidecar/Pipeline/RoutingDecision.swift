import Envelope

/// What happens to a message, decided from its bytes and the runtime's reply alone: pure, total, no clock
/// (`sidecar.md` section 4).
enum RoutingDecision {
    /// `reason` of `messages_failed_total`.
    enum FailureReason: String {
        case parseError = "parse_error"
        case validationError = "validation_error"
        case routeMismatch = "route_mismatch"
        case runtimeError = "runtime_error"
        case routingError = "routing_error"
        case errorQueueSendFailed = "error_queue_send_failed"
        case deadLettered = "dead_lettered"
        case deadlineExceeded = "deadline_exceeded"
    }

    /// What to do with a message that was received.
    enum Admission {
        case callRuntime
        /// An error envelope instead of a runtime call.
        case reject(ErrorEnvelope.Problem, FailureReason)
        /// An end actor cannot read it and must not publish: give it back until it is dead-lettered.
        case refuse(FailureReason)
    }

    /// What to do with the reply of an ordinary actor.
    enum Outcome {
        /// As many envelopes as the reply has elements.
        case publishElements(RuntimeReply)
        /// The input, byte for byte, to happy-end (`envelope.md` section 5).
        case publishInput
        /// `errorType` is the label of `runtime_errors_total`.
        case publishError(ErrorEnvelope.Problem, errorType: String)
    }

    /// Decides about a message that could be read.
    ///
    /// - Parameter wallClock: nanoseconds since 1970, only used when deadlines are enforced.
    static func admit(
        _ view: EnvelopeView,
        in bytes: UnsafeRawBufferPointer,
        rules: ActorRules,
        wallClock: Int64
    ) -> Admission {
        if rules.isEndActor { return .callRuntime }
        if view.isIDMissingOrEmpty { return .reject(.missingID, .validationError) }
        guard let actor = view.currentActor, actor.equals(rules.ownName, in: bytes) else {
            let actual = view.currentActor?.string(in: bytes) ?? ""
            return .reject(.routeMismatch(expected: rules.ownName, actual: actual), .routeMismatch)
        }
        if rules.enforcesDeadline, let deadline = self.deadline(of: view, in: bytes), deadline < wallClock {
            return .reject(.deadlineExceeded, .deadlineExceeded)
        }
        return .callRuntime
    }

    /// Decides about a message that could not be read.
    static func admit(unreadable error: EnvelopeError, rules: ActorRules) -> Admission {
        rules.isEndActor ? .refuse(.parseError) : .reject(.unparseable(error), .parseError)
    }

    /// Decides about a reply of an ordinary actor's runtime.
    static func route(reply bytes: UnsafeRawBufferPointer) -> Outcome {
        let reply: RuntimeReply
        do throws(ReplyError) {
            reply = try RuntimeReply.scan(bytes)
        } catch {
            return .publishError(.invalidReply(error), errorType: Self.executionError)
        }
        switch reply.disposition {
        case .empty:
            return .publishInput
        case .failed(let element):
            let code = element.errorToken?.string(in: bytes) ?? Self.executionError
            let problem = ErrorEnvelope.Problem.reported(by: element) ?? .missingRoute
            return .publishError(problem, errorType: code)
        case .missingRoute:
            return .publishError(.missingRoute, errorType: Self.executionError)
        case .success:
            return .publishElements(reply)
        }
    }

    /// `error_type` of failures that have no code of their own.
    static let executionError = "execution_error"

    private static func deadline(of view: EnvelopeView, in bytes: UnsafeRawBufferPointer) -> Int64? {
        guard let token = view.deadlineToken, !token.hasEscapes else { return nil }
        return Deadline.parse(UnsafeRawBufferPointer(rebasing: bytes[token.contents]))
    }
}
