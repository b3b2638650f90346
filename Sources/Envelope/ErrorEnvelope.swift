/// The envelope that goes to the error-end actor when an envelope cannot go on (envelope.md 8).
///
/// What it copies from the input has been checked, so it is always an envelope itself: a member of a wrong type
/// is left out, bytes that are not UTF-8 are replaced.
public struct ErrorEnvelope: Sendable {
    /// `payload.error`.
    public enum Problem: Sendable {
        /// A text of ours.
        case text(String)
        /// The `error` of a reply element, spliced with its details: the runtime reported the error.
        case runtime(code: StringToken, details: Range<Int>?)

        /// The body is not an envelope.
        public static func unparseable(_ error: EnvelopeError) -> Problem {
            .text("Failed to parse message: \(error)")
        }

        /// The envelope has no identity.
        public static let missingID = Problem.text("Envelope missing required 'id' field")

        /// The envelope is not for this actor; `actual` is the decoded current actor, empty when there is none.
        public static func routeMismatch(expected: String, actual: String) -> Problem {
            .text("Route mismatch: message routed to wrong actor (expected: \(expected), actual: \(actual))")
        }

        /// The runtime reported an error. `nil` when the element is none.
        public static func reported(by element: ReplyElement) -> Problem? {
            element.errorToken.map { .runtime(code: $0, details: element.detailsRange) }
        }

        /// The runtime's reply is invalid.
        public static func invalidReply(_ error: ReplyError) -> Problem { .text(error.description) }

        /// The runtime's reply has an element without a route.
        public static let missingRoute = Problem.text(RuntimeReply.missingRouteText.description)

        /// The deadline has passed (envelope.md 11).
        public static let deadlineExceeded = Problem.text("Envelope deadline exceeded")
    }

    /// The view of the message, or the salvage of what cannot be read.
    public let input: EnvelopeView
    /// What went wrong.
    public let problem: Problem
    /// Name of the actor whose sidecar writes this.
    public let failedActor: String
    /// Whether the input's payload is replaced by its size, because the whole is too large for the broker
    /// (sidecar.md 6.3, 7.2).
    public let omitsPayload: Bool

    /// An error envelope for a message.
    public init(input: EnvelopeView, problem: Problem, failedActor: String, omitsPayload: Bool = false) {
        self.input = input
        self.problem = problem
        self.failedActor = failedActor
        self.omitsPayload = omitsPayload
    }

    /// Writes the envelope. `bytes` is the message; pieces of the reply occur only with `Problem.runtime`.
    @inlinable
    public func write<Sink: PieceSink>(in bytes: UnsafeRawBufferPointer, to sink: inout Sink) {
        sink.constant("{\"id\":")
        if let id = self.input.idToken {
            self.splice(id.range, of: bytes, to: &sink)
        } else {
            sink.constant("\"\"")
        }
        if let parent = self.input.parentIDToken {
            sink.constant(",\"parent_id\":")
            self.splice(parent.range, of: bytes, to: &sink)
        }
        sink.constant(",\"route\":")
        self.writeRoute(of: bytes, to: &sink)
        if let headers = self.input.headersRange, self.input.hasHeaders {
            sink.constant(",\"headers\":")
            self.splice(headers, of: bytes, to: &sink)
        }
        sink.constant(",\"payload\":")
        self.writePayload(of: bytes, to: &sink)
        self.writeMembers(self.input.unknownMembers, of: bytes, to: &sink)
        sink.constant("}")
    }

    @inlinable
    func writeRoute<Sink: PieceSink>(of bytes: UnsafeRawBufferPointer, to sink: inout Sink) {
        let route = self.input.route
        if let actors = route.actorsRange, route.actorCount > 0 {
            sink.constant("{\"actors\":")
            self.splice(actors, of: bytes, to: &sink)
            sink.constant(",\"current\":")
            if let current = route.currentRange {
                sink.input(current)
            } else {
                sink.constant("0")
            }
        } else {
            sink.constant("{\"actors\":[\"error-end\"],\"current\":0")
        }
        if let metadata = route.metadataRange {
            sink.constant(",\"metadata\":")
            self.splice(metadata, of: bytes, to: &sink)
        }
        self.writeMembers(route.unknownMembers, of: bytes, to: &sink)
        sink.constant("}")
    }

    @inlinable
    func writePayload<Sink: PieceSink>(of bytes: UnsafeRawBufferPointer, to sink: inout Sink) {
        sink.constant("{\"error\":")
        switch self.problem {
        case .text(let text):
            JSONText.writeString(text, to: &sink)
        case .runtime(let code, let details):
            sink.reply(code.range)
            sink.constant(",\"details\":")
            if let details {
                sink.reply(details)
            } else {
                sink.constant("{}")
            }
        }
        if self.omitsPayload {
            sink.constant(",\"original_byte_count\":")
            self.writeNumber(bytes.count, to: &sink)
        } else if let payload = self.input.payloadRange {
            sink.constant(",\"original_payload\":")
            self.splice(payload, of: bytes, to: &sink)
        }
        if !self.input.isWellFormedObject, !self.omitsPayload {
            self.writeOriginalBody(bytes, to: &sink)
        }
        sink.constant(",\"failed_actor\":")
        JSONText.writeString(self.failedActor, to: &sink)
        sink.constant("}")
    }

    @inlinable
    func writeNumber<Sink: PieceSink>(_ number: Int, to sink: inout Sink) {
        var text = String(number)
        text.withUTF8 { sink.bytes(UnsafeRawBufferPointer($0)) }
    }

    @inlinable
    func writeOriginalBody<Sink: PieceSink>(_ bytes: UnsafeRawBufferPointer, to sink: inout Sink) {
        if JSONText.utf8PrefixByteCount(bytes) == bytes.count {
            sink.constant(",\"original_body\":")
            JSONText.writeInputAsString(0..<bytes.count, of: bytes, to: &sink)
        } else {
            sink.constant(",\"original_body_base64\":")
            JSONText.writeBase64(bytes, to: &sink)
        }
    }

    @inlinable
    func writeMembers<Sink: PieceSink>(
        _ members: UnknownMembers,
        of bytes: UnsafeRawBufferPointer,
        to sink: inout Sink
    ) {
        guard !members.isEmpty else { return }
        members.forEach(in: bytes) { member in
            sink.constant(",")
            self.splice(member, of: bytes, to: &sink)
        }
    }

    @inlinable
    func splice<Sink: PieceSink>(_ range: Range<Int>, of bytes: UnsafeRawBufferPointer, to sink: inout Sink) {
        if self.input.hasInvalidUTF8 {
            JSONText.writeInputReplacingInvalidUTF8(range, of: bytes, to: &sink)
        } else {
            sink.input(range)
        }
    }
}
