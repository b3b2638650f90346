internal import QueueClient
internal import Synchronization
internal import Traces

/// Makes the gateway's spans: one for a tool call, which is the parent of everything that happens to its envelope, and
/// one for the message that starts the envelope's way.
///
/// The call's span stands in the envelope's `traceparent` header, so that the sidecars' hops hang under it without
/// knowing the gateway. A caller's context is continued when it is sampled, left alone when it is not, and a new trace
/// begins when there is none or it is malformed (W3C Trace Context, 3.2 and 4.3). Does no I/O.
final class CallTracer: Sendable {
    /// `messaging.system`, with the names of the sidecar's transports.
    private let system: String
    private let export: @Sendable (Span) -> Void

    /// - Parameter export: takes finished spans; never blocks.
    init(system: String, export: @escaping @Sendable (Span) -> Void) {
        self.system = system
        self.export = export
    }

    /// Begins the span of a call, unless the caller's trace is not recorded, and puts it into the context.
    func begin(_ context: inout CallContext, tool: String, route: String, now: EpochTime = .now()) {
        let text = context.headers[TraceHeaders.parent]?.document?.root.string
        let given = text.flatMap { TraceContext(traceparent: $0) }
        if let given, !given.isSampled { return }
        var random = SystemRandomNumberGenerator()
        let own = TraceContext(
            traceID: given?.traceID ?? .random(using: &random),
            parentID: .random(using: &random),
            isSampled: true
        )
        // The state of a trace that does not go on means nothing.
        if given == nil { context.headers[TraceHeaders.state] = nil }
        context.headers[TraceHeaders.parent] = TraceHeaders.json(own.traceparent)
        context.span = CallSpan(
            context: own,
            parentID: given?.parentID,
            tool: tool,
            route: route,
            start: now,
            self.export
        )
    }

    /// Begins the span of a message; nil when its envelope belongs to no recorded trace.
    func publication(
        of record: EnvelopeRecord,
        byteCount: Int,
        to actor: String,
        now: EpochTime = .now()
    ) -> PublicationSpan? {
        guard let text = record.headers?.document?.root[TraceHeaders.parent]?.string,
            let context = TraceContext(traceparent: text), context.isSampled
        else { return nil }
        var random = SystemRandomNumberGenerator()
        let span = Span(
            traceID: context.traceID,
            id: .random(using: &random),
            parentID: context.parentID,
            name: "publish \(actor)",
            kind: .producer,
            start: now.nanoseconds,
            end: now.nanoseconds,
            attributes: [
                Span.Attribute("messaging.system", self.system),
                Span.Attribute("messaging.destination.name", QueueName.ofActor(actor)),
                Span.Attribute("messaging.operation.type", "send"),
                Span.Attribute("messaging.message.id", record.state.id),
                Span.Attribute("messaging.message.body.size", byteCount),
            ]
        )
        return PublicationSpan(span: span, export: self.export)
    }
}

/// The span of a tool call that goes on.
final class CallSpan: Sendable {
    private struct State {
        var envelopeID: String?
        var failure: CallRefusal?
    }

    private let context: TraceContext
    private let parentID: SpanID?
    private let tool: String
    private let route: String
    private let start: EpochTime
    private let export: @Sendable (Span) -> Void
    private let state = Mutex(State())

    fileprivate init(
        context: TraceContext,
        parentID: SpanID?,
        tool: String,
        route: String,
        start: EpochTime,
        _ export: @escaping @Sendable (Span) -> Void
    ) {
        self.context = context
        self.parentID = parentID
        self.tool = tool
        self.route = route
        self.start = start
        self.export = export
    }

    func became(envelopeID: String) { self.state.withLock { $0.envelopeID = envelopeID } }

    func failed(_ reason: CallRefusal) { self.state.withLock { $0.failure = reason } }

    /// The answer is known; a stream may still write it.
    func end(now: EpochTime = .now()) {
        let state = self.state.withLock { $0 }
        // A name that anybody may choose must not become the span's.
        let isKnown = state.failure != .unknownTool
        var attributes = [Span.Attribute("http.route", self.route)]
        if isKnown { attributes.append(Span.Attribute("asya.tool", self.tool)) }
        if let id = state.envelopeID { attributes.append(Span.Attribute("messaging.message.id", id)) }
        self.export(
            Span(
                traceID: self.context.traceID,
                id: self.context.parentID,
                parentID: self.parentID,
                name: isKnown ? "call \(self.tool)" : "call",
                kind: .server,
                start: self.start.nanoseconds,
                end: now.nanoseconds,
                attributes: attributes,
                failure: state.failure?.rawValue
            )
        )
    }
}

/// The span of a message that is being sent.
struct PublicationSpan: Sendable {
    fileprivate let span: Span
    fileprivate let export: @Sendable (Span) -> Void

    /// - Parameter failure: why no queue took it; never payload.
    func end(failure: String? = nil, now: EpochTime = .now()) {
        var span = self.span
        span.end = max(span.start, now.nanoseconds)
        span.failure = failure
        self.export(span)
    }
}

extension EpochTime {
    /// As spans have it; the range ends with the year 2262.
    fileprivate var nanoseconds: Int64 {
        let (product, overflow) = self.microseconds.multipliedReportingOverflow(by: 1000)
        return overflow ? .max : product
    }
}
