/// One timed piece of work in a trace (OpenTelemetry, trace data model).
public struct Span: Equatable, Sendable {
    /// Which side of a call or a queue it is; the raw values are those of OTLP.
    public enum Kind: Int, Sendable {
        /// Inside a process.
        case `internal` = 1
        /// Answers a remote call.
        case server = 2
        /// Makes a remote call.
        case client = 3
        /// Puts a message into a queue.
        case producer = 4
        /// Takes a message from a queue.
        case consumer = 5
    }

    /// The value of an attribute.
    public enum Value: Equatable, Sendable {
        /// Text.
        case string(String)
        /// A whole number.
        case integer(Int)
    }

    /// One attribute; names follow OpenTelemetry's semantic conventions where there is one.
    public struct Attribute: Equatable, Sendable {
        /// For instance `messaging.destination.name`.
        public var name: String
        /// What it says.
        public var value: Value

        /// An attribute with a text.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = .string(value)
        }

        /// An attribute with a number.
        public init(_ name: String, _ value: Int) {
            self.name = name
            self.value = .integer(value)
        }
    }

    /// The trace it belongs to.
    public var traceID: TraceID
    /// Its own identifier.
    public var id: SpanID
    /// The span it is part of; nil for the root.
    public var parentID: SpanID?
    /// For instance `process infer`.
    public var name: String
    /// Which side it is.
    public var kind: Kind
    /// Nanoseconds since 1970.
    public var start: Int64
    /// Nanoseconds since 1970, not before `start`.
    public var end: Int64
    /// What else is known.
    public var attributes: [Attribute]
    /// Why it failed, when it did; never payload.
    public var failure: String?

    /// A span from its parts. An end before the start counts as the start.
    public init(
        traceID: TraceID,
        id: SpanID,
        parentID: SpanID?,
        name: String,
        kind: Kind,
        start: Int64,
        end: Int64,
        attributes: [Attribute] = [],
        failure: String? = nil
    ) {
        self.traceID = traceID
        self.id = id
        self.parentID = parentID
        self.name = name
        self.kind = kind
        self.start = start
        self.end = max(start, end)
        self.attributes = attributes
        self.failure = failure
    }
}
