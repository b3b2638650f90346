internal import Logging
internal import QueueClient
internal import Support

/// Everything that can be done with envelopes, for REST, MCP and the page alike: call a tool, report, follow, cancel.
///
/// A call is recorded and answered; the message leaves in the background and a failure there only fails its envelope
/// (`gateway.md` 5.3).
public final class EnvelopeService: Sendable {
    /// The tools now.
    public let catalog: ToolCatalog
    /// The same tools with their schemas.
    let tools: MCPTools
    /// Where envelopes live.
    public let store: any EnvelopeStore
    /// Live updates.
    public let feed: UpdateFeed
    /// What is counted.
    public let metrics: GatewayMetrics
    /// Makes spans of calls; nil when nobody collects them.
    let tracer: CallTracer?
    let sender: BackgroundSender
    private let limiter: ToolRateLimiter
    private let adoptsEnvelopes: Bool
    private let now: @Sendable () -> EpochTime

    /// A service over a store and a queue client; both stay the caller's to close.
    init(
        catalog: ToolCatalog,
        store: any EnvelopeStore,
        queue: any QueueClient,
        metrics: GatewayMetrics,
        logger: Logger,
        callsPerSecond: RateLimit? = nil,
        tracer: CallTracer? = nil,
        adoptsEnvelopes: Bool = false,
        now: @escaping @Sendable () -> EpochTime = EpochTime.now
    ) {
        self.catalog = catalog
        self.tools = MCPTools(catalog: catalog, logger: logger)
        self.store = store
        self.feed = UpdateFeed(store: store)
        self.metrics = metrics
        self.tracer = tracer
        self.sender = BackgroundSender(store: store, queue: queue, metrics: metrics, tracer: tracer, logger: logger)
        self.limiter = ToolRateLimiter(global: callsPerSecond)
        self.adoptsEnvelopes = adoptsEnvelopes
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
        guard let tool = self.catalog.current[toolName] else {
            throw self.refusal(.unknownTool, .unknownTool(toolName), context)
        }
        if let seconds = self.limiter.secondsToWait(tool: tool, now: MonotonicClock.nanoseconds()) {
            throw self.refusal(.rateLimited, .rateLimited(retryAfterSeconds: seconds), context)
        }
        let new: NewEnvelope
        do throws(CallError) {
            if context.checksStrictly, let problem = self.tools.problem(with: arguments, of: toolName) {
                throw CallError.tool(problem)
            }
            new = try CallPreparation.envelope(tool, arguments: arguments, context: context, now: self.now())
        } catch {
            throw self.refusal(.badArguments, error, context)
        }
        let outcome: CreationOutcome
        do {
            outcome = try await self.store.create(new)
        } catch {
            throw self.refusal(.storeFailed, .tool("failed to create envelope: \(error)"), context)
        }
        switch outcome {
        case .created:
            self.metrics.called(tool: tool.name)
            self.sender.send(new.record)
            context.span?.became(envelopeID: new.record.state.id)
            return CallReceipt(envelopeID: new.record.state.id, tool: tool, isRepeated: false)
        case .repeated(let id):
            context.span?.became(envelopeID: id)
            return CallReceipt(envelopeID: id, tool: tool, isRepeated: true)
        case .keyConflict: throw self.refusal(.keyConflict, .keyConflict, context)
        case .exists(parentID: _):
            throw self.refusal(.storeFailed, .tool("failed to create envelope: its id is taken"), context)
        }
    }

    /// Counts a call that becomes no envelope.
    private func refusal(_ reason: CallRefusal, _ error: CallError, _ context: CallContext) -> CallError {
        self.metrics.refused(reason)
        context.span?.failed(reason)
        return error
    }

    /// Calls the envelope's tool again with the same payload and route; nil when there is no such envelope.
    public func resend(_ id: String, context: CallContext = CallContext()) async throws -> String? {
        guard let old = try await self.store.load(id) else { return nil }
        var actors = old.state.actors
        if let tool = old.tool, let known = self.catalog.current[tool], !known.isBuiltIn { actors = known.actors }
        let created = self.now()
        let newID = UUIDText.timeOrdered(created)
        let deadline = old.timeoutSeconds.flatMap { $0 > 0 ? created.advanced(by: .seconds($0)) : nil }
        var state = EnvelopeState(id: newID, actors: actors, deadline: deadline, createdAt: created)
        state.tool = old.tool
        state.principal = context.principal
        let first = EnvelopeLifeCycle.sending(&state, created)
        var record = EnvelopeRecord(state: state, payload: old.payload)
        record.routeMetadata = CallPreparation.jobMetadata(newID)
        record.headers = old.headers
        record.timeoutSeconds = old.timeoutSeconds
        var new = NewEnvelope(record: record)
        new.firstUpdate = first
        new.needsSending = true
        guard try await self.store.create(new) == .created else { return nil }
        if let tool = state.tool { self.metrics.called(tool: tool) }
        self.sender.send(record)
        return newID
    }

    // MARK: Reports

    /// Applies a sidecar's progress report.
    public func progress(_ report: ProgressReport, of id: String) async throws -> EventOutcome {
        let outcome = try await self.apply(.progress(report), to: id, actors: report.actors)
        switch outcome {
        case .ignored: self.metrics.reportIgnored()
        case .applied(let state) where EnvelopeLifeCycle.isArrival(report, state):
            self.metrics.arrived(tool: state.tool, createdAt: state.createdAt, now: self.now())
        case .applied, .unknownEnvelope: break
        }
        return outcome
    }

    /// Applies an end actor's report.
    public func final(_ report: FinalReport, of id: String) async throws -> EventOutcome {
        let outcome = try await self.apply(.final(report), to: id, actors: report.actors ?? [])
        switch outcome {
        case .ignored: self.metrics.reportIgnored()
        case .applied(let state): self.metrics.ended(state, now: self.now())
        case .unknownEnvelope: break
        }
        return outcome
    }

    /// Applies a report; an envelope that is not known is recorded first where that is wanted.
    private func apply(_ event: EnvelopeEvent, to id: String, actors: [String]) async throws -> EventOutcome {
        let outcome = try await self.store.apply(event, to: id)
        guard outcome == .unknownEnvelope, self.adoptsEnvelopes else { return outcome }
        let state = EnvelopeState(id: id, actors: actors, createdAt: self.now())
        let record = EnvelopeRecord(state: state, payload: .null)
        // Another report of it may have been faster, which is as good.
        _ = try await self.store.create(NewEnvelope(record: record))
        return try await self.store.apply(event, to: id)
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
        let created = self.now()
        var state = EnvelopeState(
            id: id,
            parentID: parentID,
            actors: actors,
            deadline: parent?.deadline,
            createdAt: created
        )
        state.principal = parent?.principal
        var record = EnvelopeRecord(state: state, payload: .null)
        record.routeCurrent = current
        let outcome = try await self.store.create(NewEnvelope(record: record))
        guard outcome == .created, let parentID else { return outcome }
        // Asked after the child is there: a cancellation that did not find it among the children is seen here.
        if try await self.store.state(of: parentID)?.cancelledAt != nil { _ = try await self.cancel(id) }
        return outcome
    }

    // MARK: Watching

    /// The envelope; nil when there is none.
    public func load(_ id: String) async throws -> EnvelopeRecord? { try await self.store.load(id) }

    /// Everything after `historyID` that happened to the envelope and will, until its end; nil when there is none.
    public func updates(of id: String, after historyID: Int64 = 0) async throws -> EnvelopeUpdateSequence? {
        guard let record = try await self.store.load(id) else { return nil }
        return self.feed.updates(of: record, after: historyID)
    }

    /// Waits for the envelope's end; nil when its updates end before: the gateway shuts down or nobody waits any more.
    public func waitForEnd(of id: String, _ updates: EnvelopeUpdateSequence) async throws -> EnvelopeRecord? {
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
        guard case .applied(let state) = outcome else { return outcome }
        self.metrics.ended(state, now: self.now())
        var parents = [id]
        var left = Self.cancellationLimit
        while let parent = parents.popLast(), left > 0 {
            let children = try await self.store.activeChildren(of: parent, limit: left)
            left -= children.count
            for child in children {
                if case .applied(let state) = try await self.store.apply(.cancelled, to: child) {
                    self.metrics.ended(state, now: self.now())
                }
                parents.append(child)
            }
        }
        return outcome
    }
}
