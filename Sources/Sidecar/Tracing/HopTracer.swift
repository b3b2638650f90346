import Envelope
import Support
import Traces

/// Makes the spans of one hop once it has come to its end: the hop itself and, below it, the wait in the window, the
/// runtime's call, the gateway's part and publishing until confirmed.
///
/// The bytes of an envelope are not changed for it: all hops of a trace are children of the span in the envelope's
/// `traceparent` header, which travels on unchanged (see `InFlightMessage.trace`). Envelopes without a sampled context
/// cost one look at their headers, and nothing at all when no collector is configured. Lives on the loop thread and does
/// no I/O.
struct HopTracer {
    /// How a hop ended.
    enum Ending {
        case acknowledged
        /// Given back to the queue, for this reason.
        case givenBack(cause: String)
    }

    private let actorName: String
    private let queueName: String
    private let system: String
    private let hasGateway: Bool
    private let export: ([Span]) -> Void
    private var random = SystemRandomNumberGenerator()

    /// - Parameters:
    ///   - system: `messaging.system`, for instance `rabbitmq`.
    ///   - hasGateway: whether publishing waits for reports to a gateway, which is a part of its own then.
    ///   - export: takes finished spans; never blocks.
    init(actorName: String, queueName: String, system: String, hasGateway: Bool, export: @escaping ([Span]) -> Void) {
        self.actorName = actorName
        self.queueName = queueName
        self.system = system
        self.hasGateway = hasGateway
        self.export = export
    }

    /// A message is about to be let go.
    mutating func ended(_ message: InFlightMessage, _ ending: Ending, clock: any PipelineClock) {
        guard message.isActive, let context = message.trace?.context, context.isSampled else { return }
        let now = clock.now
        let wall = WallClock(offset: clock.wallClock - Int64(clamping: now.nanoseconds))
        let hop = SpanID.random(using: &self.random)
        var spans = [
            Span(
                traceID: context.traceID,
                id: hop,
                parentID: context.parentID,
                name: "process \(self.actorName)",
                kind: .consumer,
                start: wall.time(message.receivedAt),
                end: wall.time(now),
                attributes: self.attributes(of: message),
                failure: Self.failure(of: message, ending)
            )
        ]
        for part in self.parts(of: message, end: now) {
            spans.append(
                Span(
                    traceID: context.traceID,
                    id: SpanID.random(using: &self.random),
                    parentID: hop,
                    name: part.name,
                    kind: part.kind,
                    start: wall.time(part.start),
                    end: wall.time(part.end)
                )
            )
        }
        self.export(spans)
    }

    private func attributes(of message: InFlightMessage) -> [Span.Attribute] {
        var attributes = [
            Span.Attribute("messaging.system", self.system),
            Span.Attribute("messaging.destination.name", self.queueName),
            Span.Attribute("messaging.operation.type", "process"),
            Span.Attribute("messaging.message.body.size", message.body.count),
            Span.Attribute("asya.actor", self.actorName),
        ]
        if let id = message.view?.idToken?.string(in: message.body.bytes) {
            attributes.append(Span.Attribute("messaging.message.id", id))
        }
        if let deliveries = message.previousDeliveries, deliveries > 0 {
            attributes.append(Span.Attribute("asya.previous_deliveries", deliveries))
        }
        if message.publicationCount > 0 {
            attributes.append(Span.Attribute("asya.publications", message.publicationCount))
        }
        return attributes
    }

    private static func failure(of message: InFlightMessage, _ ending: Ending) -> String? {
        if case .givenBack(let cause) = ending { return cause }
        switch message.plan {
        case .error: return "sent to the error end"
        case .deadLetter: return "sent to the dead-letter queue"
        case .elements, .input, .none: return nil
        }
    }

    private struct Part {
        var name: String
        var kind: Span.Kind
        var start: MonotonicTime
        var end: MonotonicTime
    }

    /// The stages the message went through, in order; those it never reached are left out.
    private func parts(of message: InFlightMessage, end: MonotonicTime) -> [Part] {
        var parts: [Part] = []
        let taken = message.callStartedAt ?? message.takenUpAt
        parts.append(Part(name: "wait", kind: .internal, start: message.receivedAt, end: taken))
        if let started = message.callStartedAt, let ended = message.callEndedAt {
            parts.append(Part(name: "runtime", kind: .client, start: started, end: ended))
        }
        guard message.publicationCount > 0 else { return parts }
        if self.hasGateway, let ended = message.callEndedAt {
            parts.append(Part(name: "gateway", kind: .client, start: ended, end: message.publishedAt))
        }
        parts.append(Part(name: "publish", kind: .producer, start: message.publishedAt, end: end))
        return parts
    }
}

/// Turns monotonic times into wall-clock ones with one offset for all spans of a hop, so that their order is kept.
private struct WallClock {
    let offset: Int64

    func time(_ moment: MonotonicTime) -> Int64 { Int64(clamping: moment.nanoseconds) + self.offset }
}
