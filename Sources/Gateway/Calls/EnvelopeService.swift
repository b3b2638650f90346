public import Logging
public import QueueClient
internal import Support

/// Everything that can be done with envelopes, for REST, MCP and the page alike: call a tool, report, follow, cancel.
///
/// A call is recorded and answered; the message leaves in the background and a failure there only fails its envelope
/// (`gateway.md` 5.3).
public final class EnvelopeService: Sendable {
    /// The tools now.
    public let catalog: ToolCatalog
    /// Where envelopes live.
    public let store: any EnvelopeStore
    /// Live updates.
    public let feed: UpdateFeed
    /// What is counted.
    public let metrics: GatewayMetrics
    let sender: BackgroundSender
    private let limiter: ToolRateLimiter
    private let now: @Sendable () -> EpochTime

    /// A service over a store and a queue client; both stay the caller's to close.
    public init(
        catalog: ToolCatalog,
        store: any EnvelopeStore,
        queue: any QueueClient,
        metrics: GatewayMetrics,
        logger: Logger,
        callsPerSecond: RateLimit? = nil,
        now: @escaping @Sendable () -> EpochTime = EpochTime.now
    ) {
        self.catalog = catalog
        self.store = store
        self.feed = UpdateFeed(store: store)
        self.metrics = metrics
        self.sender = BackgroundSender(store: store, queue: queue, metrics: metrics, logger: logger)
        self.limiter = ToolRateLimiter(global: callsPerSecond)
        self.now = now
    }

    // MARK: Calls

    /// Calls a tool: checks the arguments, records an envelope and starts sending it.
    ///
    /// - Parameter arguments: an object, or nil for none.
    /// - Throws: `CallError`.
    public func call(
        _ toolName: String,
        arguments: RawJSON?,
        context: CallContext = CallContext()
    ) async throws(CallError) -> CallReceipt {
        guard let tool = self.catalog.current[toolName] else { throw .unknownTool(toolName) }
        if let seconds = self.limiter.secondsToWait(tool: tool, now: MonotonicClock.nanoseconds()) {
            throw .rateLimited(retryAfterSeconds: seconds)
        }
        let new = try CallPreparation.envelope(tool, arguments: arguments, context: context, now: self.now())
        let outcome: CreationOutcome
        do {
            outcome = try await self.store.create(new)
        } catch {
            throw .tool("failed to create envelope: \(error)")
        }
        switch outcome {
        case .created:
            self.metrics.called(tool: tool.name)
            self.sender.send(new.record)
            return CallReceipt(envelopeID: new.record.state.id, tool: tool, isRepeated: false)
        case .repeated(let id): return CallReceipt(envelopeID: id, tool: tool, isRepeated: true)
        case .keyConflict: throw .keyConflict
        case .exists(parentID: _): throw .tool("failed to create envelope: its id is taken")
        }
    }

    /// Calls the envelope's tool again with the same payload and route; nil when there is no such envelope.
    public func resend(_ id: String, context: CallContext = CallContext()) async throws -> String? {
        guard let old = try await self.store.load(id) else { return nil }
        var actors = old.state.actors
        if let tool = old.tool, let known = self.catalog.current[tool], !known.isBuiltIn { actors = known.actors }
        let created = self.now()
        let newID = UUIDText.timeOrdered(created)
        let deadline = old.timeoutSeconds.flatMap { $0 > 0 ? created.advanced(by: .seconds($0)) : nil }
        var state = EnvelopeState(id: newID, actors: actors, deadline: deadline)
        let first = EnvelopeLifeCycle.sending(&state, created)
        var record = EnvelopeRecord(state: state, payload: old.payload, createdAt: created)
        record.routeMetadata = CallPreparation.jobMetadata(newID)
        record.headers = old.headers
        record.timeoutSeconds = old.timeoutSeconds
        record.tool = old.tool
        record.state.principal = context.principal
        var new = NewEnvelope(record: record)
        new.firstUpdate = first
        new.needsSending = true
        guard try await self.store.create(new) == .created else { return nil }
        self.sender.send(record)
        return newID
    }

    // MARK: Reports

    /// Applies a sidecar's progress report.
    public func progress(_ report: ProgressReport, of id: String) async throws -> EventOutcome {
        let outcome = try await self.store.apply(.progress(report), to: id)
        if case .ignored = outcome { self.metrics.reportIgnored() }
        return outcome
    }

    /// Applies an end actor's report.
    public func final(_ report: FinalReport, of id: String) async throws -> EventOutcome {
        let outcome = try await self.store.apply(.final(report), to: id)
        switch outcome {
        case .ignored: self.metrics.reportIgnored()
        case .applied(let state): self.metrics.ended(status: state.status)
        case .unknownEnvelope: break
        }
        return outcome
    }

    /// Registers a fan-out child, which its sidecar sends itself (`gateway.md` 7.3).
    public func registerChild(
        id: String,
        parentID: String?,
        actors: [String],
        current: Int
    ) async throws -> CreationOutcome {
        var parent: EnvelopeState?
        if let parentID { parent = try await self.store.state(of: parentID) }
        var state = EnvelopeState(id: id, parentID: parentID, actors: actors, deadline: parent?.deadline)
        state.principal = parent?.principal
        var record = EnvelopeRecord(state: state, payload: .null, createdAt: self.now())
        record.routeCurrent = current
        return try await self.store.create(NewEnvelope(record: record))
    }

    // MARK: Watching

    /// The envelope; nil when there is none.
    public func load(_ id: String) async throws -> EnvelopeRecord? { try await self.store.load(id) }

    /// Everything after `historyID` that happened to the envelope and will, until its end; nil when there is none.
    public func updates(of id: String, after historyID: Int64 = 0) async throws -> EnvelopeUpdateSequence? {
        guard let record = try await self.store.load(id) else { return nil }
        return self.feed.updates(of: record, after: historyID)
    }

    /// Waits for the envelope's end; nil when there is no such envelope or the gateway shuts down first.
    public func waitForEnd(of id: String) async throws -> EnvelopeRecord? {
        guard let updates = try await self.updates(of: id) else { return nil }
        for try await update in updates where update.status.isTerminal { break }
        guard let record = try await self.store.load(id), record.state.status.isTerminal else { return nil }
        return record
    }

    /// Whether anybody still waits for the envelope; false for an unknown one.
    public func isActive(_ id: String) async throws -> Bool {
        try await self.store.state(of: id)?.isActive(now: self.now()) ?? false
    }

    /// A page of envelopes and where the next one starts.
    public func list(_ query: EnvelopeQuery) async throws -> (records: [EnvelopeRecord], next: EnvelopeCursor?) {
        let records = try await self.store.list(query)
        guard records.count == query.limit, let last = records.last else { return (records, nil) }
        return (records, EnvelopeCursor(createdAt: last.createdAt, id: last.state.id))
    }

    // MARK: Cancelling

    /// Most children that one cancellation reaches, over all generations.
    static let cancellationLimit = 10_000

    /// Fails the envelope and its active children with `envelope cancelled` (`gateway.md` 25.4).
    public func cancel(_ id: String) async throws -> EventOutcome {
        let outcome = try await self.store.apply(.cancelled, to: id)
        guard case .applied = outcome else { return outcome }
        self.metrics.ended(status: .failed)
        var parents = [id]
        var left = Self.cancellationLimit
        while let parent = parents.popLast(), left > 0 {
            let children = try await self.store.activeChildren(of: parent, limit: left)
            left -= children.count
            for child in children {
                _ = try await self.store.apply(.cancelled, to: child)
                parents.append(child)
            }
        }
        return outcome
    }
}
