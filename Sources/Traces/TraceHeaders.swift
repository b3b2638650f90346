public import Envelope

/// `traceparent` and `tracestate` of one message (W3C Trace Context), as they stand in the headers of its envelope or
/// beside its body.
///
/// Only a valid `traceparent` makes one. A `tracestate` that is too long or no plain text is left out; the standard lets
/// everybody do that, and forbids to go by it when the parent is invalid.
public struct TraceHeaders: Equatable, Sendable {
    /// Name of the first header.
    public static let parentName: StaticString = "traceparent"
    /// Name of the second one.
    public static let stateName: StaticString = "tracestate"
    /// Longest `traceparent`: version 00 has 55 bytes, later ones may have more behind them.
    public static let parentByteLimit = 128
    /// Longest `tracestate`, what everybody has to pass on (section 3.3.1.5).
    public static let stateByteLimit = 512

    /// The value as it came.
    public let traceparent: [UInt8]
    /// The value as it came; empty when there is none.
    public let tracestate: [UInt8]
    /// What `traceparent` says.
    public let context: TraceContext

    /// Headers from their values; nil without a valid `traceparent`.
    public init?(traceparent: [UInt8], tracestate: [UInt8] = []) {
        guard traceparent.count <= Self.parentByteLimit, Self.isPlain(traceparent),
            let context = TraceContext(traceparent: traceparent)
        else { return nil }
        self.traceparent = traceparent
        self.context = context
        self.tracestate = tracestate.count <= Self.stateByteLimit && Self.isPlain(tracestate) ? tracestate : []
    }

    /// Reads the JSON text of an envelope's `headers`; nil when they name no trace.
    public init?(headersJSON bytes: UnsafeRawBufferPointer) {
        guard let headers = try? JSONValue.scan(bytes),  // Salvage that is no JSON names no trace.
            let members = headers.members(in: bytes)
        else { return nil }
        var parent: StringToken?
        var state: StringToken?
        for (name, value) in members {
            if name.equals("traceparent", in: bytes) {
                parent = value.string
            } else if name.equals("tracestate", in: bytes) {
                state = value.string
            }
        }
        guard let parent else { return nil }
        self.init(parent: parent, state: state, in: bytes)
    }

    /// Headers from strings of a scanned JSON text.
    public init?(parent: StringToken, state: StringToken?, in bytes: UnsafeRawBufferPointer) {
        self.init(
            traceparent: Self.decoded(parent, byteLimit: Self.parentByteLimit, in: bytes),
            tracestate: state.map { Self.decoded($0, byteLimit: Self.stateByteLimit, in: bytes) } ?? []
        )
    }

    /// The text of a string; empty, which is never valid, when it is too long.
    private static func decoded(_ token: StringToken, byteLimit: Int, in bytes: UnsafeRawBufferPointer) -> [UInt8] {
        guard token.decodedByteCount(in: bytes) <= byteLimit else { return [] }
        var text: [UInt8] = []
        token.appendDecoded(in: bytes, to: &text)
        return text
    }

    private static func isPlain(_ text: [UInt8]) -> Bool { text.allSatisfy { (0x20...0x7E).contains($0) } }
}
