/// Finished spans that wait to be exported: bounded, and never a reason to wait. When it is full the newest are
/// dropped and counted, because a trace that is missing its end says more than one that is missing its beginning.
public struct SpanQueue: Sendable {
    /// About 1 MB of spans; a collector that is away longer loses some.
    public static let spanLimit = 2048
    /// Spans of one request, as OpenTelemetry's batch processor has it.
    public static let batchLimit = 512

    private let spanLimit: Int
    private var spans: [Span] = []
    /// Spans that found no room since the last `takeDroppedCount`.
    private var droppedCount = 0

    /// An empty queue.
    public init(spanLimit: Int = SpanQueue.spanLimit) {
        precondition(spanLimit > 0, "a queue has room")
        self.spanLimit = spanLimit
    }

    /// Spans that wait.
    public var count: Int { self.spans.count }

    /// Whether a whole request is waiting, so that there is no point in waiting for more.
    public var hasFullBatch: Bool { self.spans.count >= Self.batchLimit }

    /// Adds a span, or counts it as dropped.
    public mutating func append(_ span: Span) {
        guard self.spans.count < self.spanLimit else {
            self.droppedCount += 1
            return
        }
        self.spans.append(span)
    }

    /// Takes the oldest spans, at most `batchLimit`.
    public mutating func takeBatch() -> [Span] {
        let batch = Array(self.spans.prefix(Self.batchLimit))
        self.spans.removeFirst(batch.count)
        return batch
    }

    /// How many were dropped since the last call.
    public mutating func takeDroppedCount() -> Int {
        defer { self.droppedCount = 0 }
        return self.droppedCount
    }
}
