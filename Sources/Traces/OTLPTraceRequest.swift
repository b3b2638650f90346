import Support

/// The body of `POST /v1/traces` (OTLP/HTTP with JSON encoding): identifiers in hexadecimal, 64-bit numbers as strings.
public enum OTLPTraceRequest {
    /// - Parameters:
    ///   - serviceName: `service.name` of the resource.
    ///   - resource: further attributes of the resource.
    public static func encode(
        _ spans: [Span],
        serviceName: String,
        resource: [Span.Attribute] = []
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 256 + spans.count * 512)
        writer.beginObject()
        writer.name("resourceSpans")
        writer.beginArray()
        writer.beginObject()
        writer.name("resource")
        writer.beginObject()
        self.write([Span.Attribute("service.name", serviceName)] + resource, to: &writer)
        writer.endObject()
        writer.name("scopeSpans")
        writer.beginArray()
        writer.beginObject()
        writer.name("scope")
        writer.beginObject()
        writer.name("name")
        writer.string("asya")
        writer.name("version")
        writer.string(BuildVersion.current)
        writer.endObject()
        writer.name("spans")
        writer.beginArray()
        for span in spans { self.write(span, to: &writer) }
        writer.endArray()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ span: Span, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("traceId")
        writer.string(span.traceID.hexadecimal)
        writer.name("spanId")
        writer.string(span.id.hexadecimal)
        if let parentID = span.parentID {
            writer.name("parentSpanId")
            writer.string(parentID.hexadecimal)
        }
        writer.name("name")
        writer.string(span.name)
        writer.name("kind")
        writer.integer(span.kind.rawValue)
        writer.name("startTimeUnixNano")
        writer.string(String(span.start))
        writer.name("endTimeUnixNano")
        writer.string(String(span.end))
        self.write(span.attributes, to: &writer)
        if let failure = span.failure {
            writer.name("status")
            writer.beginObject()
            writer.name("code")
            writer.integer(Self.errorStatus)
            writer.name("message")
            writer.string(failure)
            writer.endObject()
        }
        writer.endObject()
    }

    private static func write(_ attributes: [Span.Attribute], to writer: inout JSONWriter) {
        writer.name("attributes")
        writer.beginArray()
        for attribute in attributes {
            writer.beginObject()
            writer.name("key")
            writer.string(attribute.name)
            writer.name("value")
            writer.beginObject()
            switch attribute.value {
            case .string(let text):
                writer.name("stringValue")
                writer.string(text)
            case .integer(let number):
                writer.name("intValue")
                writer.string(String(number))
            }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
    }

    /// `STATUS_CODE_ERROR`.
    private static let errorStatus = 2
}
