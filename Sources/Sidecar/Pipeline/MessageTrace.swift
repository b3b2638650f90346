import Envelope
import Traces

/// To which trace a message and what is made of it belong: by the envelope's headers, which travel with it unchanged, or
/// else by what the queue system carried beside a body that names none (a producer that knows nothing of envelopes).
extension InFlightMessage {
    /// The trace of the delivery, and of envelopes that take the input's headers over.
    var trace: TraceHeaders? { self.traceInBody ?? self.carriedTrace }

    /// The trace of the envelope made from a reply element.
    func trace(of element: ReplyElement, in replyBytes: UnsafeRawBufferPointer) -> TraceHeaders? {
        guard let headers = element.headersRange else { return self.trace }
        if element.hasHeaders {
            let own = TraceHeaders(headersJSON: UnsafeRawBufferPointer(rebasing: replyBytes[headers]))
            if let own { return own }
        }
        // The handler has taken the header out, unless it never was in the body.
        guard let carried = self.carriedTrace, self.traceInBody == nil else { return nil }
        return carried
    }

    private var traceInBody: TraceHeaders? {
        guard let view = self.view, view.hasHeaders, let headers = view.headersRange else { return nil }
        return TraceHeaders(headersJSON: UnsafeRawBufferPointer(rebasing: self.body.bytes[headers]))
    }
}
