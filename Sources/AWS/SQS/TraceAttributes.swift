import Envelope
public import Traces

/// Trace headers beside the body: attributes of the message, named like the headers, where instrumented producers and
/// consumers of SQS put and look for them. The body is the same with and without.
extension TraceHeaders {
    /// What a receive call asks for.
    static let attributeNames = [Self.parentName, Self.stateName]

    /// What the attributes add to the size of their message: names, types and values.
    public var attributeByteCount: Int {
        let typeByteCount = "String".utf8.count
        let parent = Self.parentName.utf8CodeUnitCount + typeByteCount + self.traceparent.count
        guard !self.tracestate.isEmpty else { return parent }
        return parent + Self.stateName.utf8CodeUnitCount + typeByteCount + self.tracestate.count
    }

    /// Empty values are refused by the service, so they are left out.
    var attributes: [(name: StaticString, value: [UInt8])] {
        let parent = (name: Self.parentName, value: self.traceparent)
        return self.tracestate.isEmpty ? [parent] : [parent, (name: Self.stateName, value: self.tracestate)]
    }
}

extension ReceivedMessage {
    /// The trace that the message's attributes name; nil when they name none, or not validly.
    public func traceHeaders(in bytes: UnsafeRawBufferPointer) -> TraceHeaders? {
        guard let parent = self.attribute(TraceHeaders.parentName, in: bytes) else { return nil }
        return TraceHeaders(parent: parent, state: self.attribute(TraceHeaders.stateName, in: bytes), in: bytes)
    }
}
