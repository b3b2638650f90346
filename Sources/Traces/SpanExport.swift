/// What an exporter of spans does next: collects, sends in batches, repeats what may pass and gives up the rest. The same
/// for every program and every way to send. Pure: performs nothing and has no clock; `Step` says what to do.
public struct SpanExport: Sendable {
    /// How long a span waits for others.
    public static let batchDelay = Duration.seconds(1)
    /// Of one request; then its spans are dropped.
    private static let attemptLimit = 3

    /// What to do now.
    public enum Step: Equatable, Sendable {
        /// Take `nextBatch()` and send it.
        case send
        /// Do `send` after this time, unless that is planned already.
        case wait(Duration)
        /// Nothing: a request is under way, or there is nothing to send.
        case rest
    }

    /// What came of a request.
    public enum Answer: Equatable, Sendable {
        /// The collector's status code.
        case status(Int)
        /// There was no answer; the text is fit for a log line.
        case failed(String)

        var isSuccess: Bool {
            if case .status(let code) = self { return (200..<300).contains(code) }
            return false
        }

        /// By the protocol's list of answers that may pass; no answer may too.
        var isWorthRepeating: Bool {
            switch self {
            case .status(let code): [429, 502, 503, 504].contains(code)
            case .failed: true
            }
        }

        var text: String {
            switch self {
            case .status(let code): "status \(code)"
            case .failed(let text): text
            }
        }
    }

    /// Spans that nobody will see.
    public struct Loss: Equatable, Sendable {
        /// How many.
        public var spanCount: Int
        /// Why, fit for a log line.
        public var reason: String
    }

    private var queue: SpanQueue
    /// The request that is under way or will be repeated.
    private var batch: [Span] = []
    private var attemptCount = 0
    private var isSending = false
    private var isFlushing = false

    /// Nothing to send yet.
    public init(spanLimit: Int = SpanQueue.spanLimit) {
        self.queue = SpanQueue(spanLimit: spanLimit)
    }

    /// Spans have ended.
    public mutating func append(_ spans: [Span]) -> Step {
        for span in spans { self.queue.append(span) }
        guard self.batch.isEmpty, self.queue.count > 0 else { return .rest }
        return self.queue.hasFullBatch ? .send : .wait(Self.batchDelay)
    }

    /// The spans of the next request; empty when there are none or a request is under way.
    public mutating func nextBatch() -> [Span] {
        guard !self.isSending else { return [] }
        if self.batch.isEmpty {
            self.batch = self.queue.takeBatch()
            self.attemptCount = 0
        }
        self.isSending = !self.batch.isEmpty
        self.attemptCount += 1
        return self.batch
    }

    /// The request is over.
    public mutating func answered(_ answer: Answer) -> (step: Step, losses: [Loss]) {
        precondition(self.isSending, "an answer follows a request")
        self.isSending = false
        if !answer.isSuccess, answer.isWorthRepeating, self.attemptCount < Self.attemptLimit, !self.isFlushing {
            return (.wait(Self.batchDelay * (1 << self.attemptCount)), [])
        }
        var losses: [Loss] = []
        if !answer.isSuccess { losses.append(Loss(spanCount: self.batch.count, reason: answer.text)) }
        let dropped = self.queue.takeDroppedCount()
        if dropped > 0 { losses.append(Loss(spanCount: dropped, reason: "the queue was full")) }
        self.batch = []
        guard self.queue.count > 0 else { return (.rest, losses) }
        return (self.queue.hasFullBatch || self.isFlushing ? .send : .wait(Self.batchDelay), losses)
    }

    /// The program ends: what is left is sent at once, and each request once.
    public mutating func flush() -> Step {
        self.isFlushing = true
        return self.isSending || self.isIdle ? .rest : .send
    }

    /// Whether every span was sent or given up.
    public var isIdle: Bool { !self.isSending && self.batch.isEmpty && self.queue.count == 0 }
}
