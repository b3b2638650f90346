internal import Support
internal import Synchronization

/// What the gateway counts, for `/metrics` (`gateway.md` 25.9). One lock, held for a few additions at a time.
///
/// Everything here is about this process. Labels come from bounded sets: routes, operations of the store, and tools, of
/// which at most `toolLimit` have series of their own.
public final class GatewayMetrics: Sendable {
    /// Tools beyond this number are counted together as `other`.
    static let toolLimit = 200

    struct RequestKey: Hashable {
        var route: String
        var code: Int
    }

    struct EndKey: Hashable {
        var tool: String
        var status: EnvelopeStatus
    }

    struct State {
        var requests: [RequestKey: Int] = [:]
        var requestSeconds: [String: Histogram] = [:]
        var calls: [String: Int] = [:]
        var refusedCalls: [CallRefusal: Int] = [:]
        var limitedClients = 0
        var ages: [EndKey: Histogram] = [:]
        var queueSeconds: [String: Histogram] = [:]
        var ignoredReports = 0
        var sendSeconds = Histogram()
        var sendFailures = 0
        var sendsActive = 0
        var storeSeconds: [String: Histogram] = [:]
        var storeFailures: [String: Int] = [:]
        var storeRequestsActive = 0
        var databaseConnections = 0
        var databaseConnectionLimit: Int?
        var eventsDelivered = 0
        var streamsOpen: [StreamKind: Int] = [:]
        var configurationFailures = 0
        var spansDropped = 0
    }

    /// Streams that stay open.
    enum StreamKind: String, CaseIterable {
        /// Updates of one envelope, `/envelopes/{id}/stream`.
        case updates
        /// Answers and notifications of MCP.
        case mcp
    }

    private let state = Mutex(State())

    /// Nothing counted yet.
    public init() {}

    var snapshot: State { self.state.withLock { $0 } }

    // MARK: Requests

    /// A request was answered.
    public func requested(route: String, code: Int, nanoseconds: UInt64) {
        self.state.withLock { state in
            state.requests[RequestKey(route: route, code: code), default: 0] += 1
            state.requestSeconds[route, default: Histogram()].observe(nanoseconds: nanoseconds)
        }
    }

    /// A client made more requests than it may.
    func clientLimited() { self.state.withLock { $0.limitedClients += 1 } }

    func streamOpened(_ kind: StreamKind) { self.state.withLock { $0.streamsOpen[kind, default: 0] += 1 } }

    func streamClosed(_ kind: StreamKind) { self.state.withLock { $0.streamsOpen[kind, default: 0] -= 1 } }

    /// Updates were written to a stream.
    public func eventsDelivered(_ count: Int) { self.state.withLock { $0.eventsDelivered += count } }

    // MARK: Envelopes

    /// A tool was called and its envelope recorded.
    public func called(tool: String) {
        self.state.withLock { state in state.calls[Self.label(tool, in: state.calls), default: 0] += 1 }
    }

    /// A call became no envelope.
    func refused(_ reason: CallRefusal) { self.state.withLock { $0.refusedCalls[reason, default: 0] += 1 } }

    /// The first actor took the message of an envelope that was created then.
    func arrived(tool: String?, createdAt: EpochTime, now: EpochTime) {
        let seconds = createdAt.seconds(until: now)
        self.state.withLock { state in
            let tool = Self.label(tool, in: state.queueSeconds)
            state.queueSeconds[tool, default: Histogram(bounds: Histogram.pipelines)].observe(seconds: seconds)
        }
    }

    /// An envelope reached a terminal state.
    func ended(_ envelope: EnvelopeState, now: EpochTime) {
        let seconds = envelope.createdAt.seconds(until: now)
        self.state.withLock { state in
            var key = EndKey(tool: envelope.tool ?? "", status: envelope.status)
            if state.ages[key] == nil, state.ages.count >= Self.toolLimit * 2 { key.tool = Self.otherTool }
            state.ages[key, default: Histogram(bounds: Histogram.pipelines)].observe(seconds: seconds)
        }
    }

    /// A report came for a terminal envelope.
    public func reportIgnored() { self.state.withLock { $0.ignoredReports += 1 } }

    private static let otherTool = "other"

    /// Fan-out children have no tool: their label is empty.
    private static func label<Value>(_ tool: String?, in known: [String: Value]) -> String {
        let tool = tool ?? ""
        return known.count < self.toolLimit || known[tool] != nil ? tool : self.otherTool
    }

    // MARK: Queue and store

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
            state.sendSeconds.observe(nanoseconds: elapsed)
            if failed { state.sendFailures += 1 }
        }
    }

    /// A request to the store began; hand the value to `storeEnded`.
    func storeStarted() -> UInt64 {
        self.state.withLock { $0.storeRequestsActive += 1 }
        return MonotonicClock.nanoseconds()
    }

    /// The store answered a request of this kind.
    func storeEnded(_ operation: String, _ started: UInt64, failed: Bool) {
        let elapsed = MonotonicClock.nanoseconds() - started
        self.state.withLock { state in
            state.storeRequestsActive -= 1
            state.storeSeconds[operation, default: Histogram()].observe(nanoseconds: elapsed)
            if failed { state.storeFailures[operation, default: 0] += 1 }
        }
    }

    /// The store works with a database that it has at most this many connections to.
    func databaseConnections(limit: Int) { self.state.withLock { $0.databaseConnectionLimit = limit } }

    /// A connection to the database was opened (1) or given up (-1).
    func databaseConnections(changedBy difference: Int) {
        self.state.withLock { $0.databaseConnections += difference }
    }

    // MARK: The rest

    /// A changed configuration was refused.
    public func configurationFailed() { self.state.withLock { $0.configurationFailures += 1 } }

    /// Spans did not reach the collector.
    func spansDropped(_ count: Int) { self.state.withLock { $0.spansDropped += count } }
}

/// Why a call became no envelope; the texts are labels of metrics and of spans.
enum CallRefusal: String, CaseIterable {
    case unknownTool = "unknown_tool"
    case badArguments = "bad_arguments"
    case rateLimited = "rate_limited"
    case keyConflict = "key_conflict"
    case storeFailed = "store_failed"
}
