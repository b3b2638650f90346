internal import Support
internal import Synchronization

/// What the gateway counts, for `/metrics` (`gateway.md` 25.9). One lock, held for a few additions at a time.
public final class GatewayMetrics: Sendable {
    struct RequestKey: Hashable {
        var route: String
        var code: Int
    }

    struct State {
        var requests: [RequestKey: Int] = [:]
        var requestSeconds: [String: Histogram] = [:]
        var calls: [String: Int] = [:]
        var ended: [EnvelopeStatus: Int] = [:]
        var ignoredReports = 0
        var sendSeconds = Histogram()
        var sendFailures = 0
        var sendsActive = 0
        var storeSeconds: [String: Histogram] = [:]
        var storeFailures: [String: Int] = [:]
        var eventsDelivered = 0
        var streamsOpen = 0
        var configurationFailures = 0
    }

    private let state = Mutex(State())

    /// Nothing counted yet.
    public init() {}

    var snapshot: State { self.state.withLock { $0 } }

    /// A request was answered.
    public func requested(route: String, code: Int, nanoseconds: UInt64) {
        self.state.withLock { state in
            state.requests[RequestKey(route: route, code: code), default: 0] += 1
            state.requestSeconds[route, default: Histogram()].observe(nanoseconds)
        }
    }

    /// A tool was called and its envelope recorded.
    public func called(tool: String) { self.state.withLock { $0.calls[tool, default: 0] += 1 } }

    /// An envelope reached a terminal state.
    public func ended(status: EnvelopeStatus, count: Int = 1) {
        self.state.withLock { $0.ended[status, default: 0] += count }
    }

    /// A report came for a terminal envelope.
    public func reportIgnored() { self.state.withLock { $0.ignoredReports += 1 } }

    /// A send began; hand the value to `sendEnded`.
    public func sendStarted() -> UInt64 {
        self.state.withLock { $0.sendsActive += 1 }
        return MonotonicClock.nanoseconds()
    }

    /// A send ended.
    public func sendEnded(_ started: UInt64, failed: Bool) {
        let elapsed = MonotonicClock.nanoseconds() - started
        self.state.withLock { state in
            state.sendsActive -= 1
            state.sendSeconds.observe(elapsed)
            if failed { state.sendFailures += 1 }
        }
    }

    /// The store answered a request of this kind.
    public func stored(_ operation: String, nanoseconds: UInt64, failed: Bool) {
        self.state.withLock { state in
            state.storeSeconds[operation, default: Histogram()].observe(nanoseconds)
            if failed { state.storeFailures[operation, default: 0] += 1 }
        }
    }

    /// A stream of updates was opened.
    public func streamOpened() { self.state.withLock { $0.streamsOpen += 1 } }

    /// A stream of updates was closed.
    public func streamClosed() { self.state.withLock { $0.streamsOpen -= 1 } }

    /// Updates were written to a stream.
    public func eventsDelivered(_ count: Int) { self.state.withLock { $0.eventsDelivered += count } }

    /// A changed configuration was refused.
    public func configurationFailed() { self.state.withLock { $0.configurationFailures += 1 } }
}

/// Counts of durations below fixed bounds.
struct Histogram: Sendable {
    /// Upper bounds in seconds: from a batched commit to the send deadline.
    static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private(set) var counts = [Int](repeating: 0, count: Histogram.bounds.count)
    private(set) var count = 0
    private(set) var sumNanoseconds: UInt64 = 0

    mutating func observe(_ nanoseconds: UInt64) {
        let seconds = Double(nanoseconds) / 1e9
        for index in Self.bounds.indices where seconds <= Self.bounds[index] { self.counts[index] += 1 }
        self.count += 1
        self.sumNanoseconds &+= nanoseconds
    }
}
