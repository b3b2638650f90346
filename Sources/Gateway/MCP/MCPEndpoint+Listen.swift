internal import Hummingbird
internal import MCP
internal import NIOCore

/// `subscriptions/listen`: a stream of the notifications that the client chose (`gateway.md` 20).
extension MCPEndpoint {
    func listen(_ request: ModernRequest, _ caller: MCPCaller) async throws -> Response {
        let hasTasks = request.meta.declares(extension: TasksExtension.name)
        let subscription = try Subscription(params: request.params, clientHasTasks: hasTasks)
        guard caller.media.eventStream else { return Response.error(.notAcceptable, "Not acceptable") }
        let (honoured, watched) = try await self.existing(subscription, caller)
        let events = AnswerEvents<OpenStreams.Event>()
        let number = self.openStreams.add(events)
        self.watch(events, caller)
        if honoured.toolsListChanged { self.watchTools(events) }
        for (event, updates) in watched { self.watch(updates, events, event) }
        return MCPAnswer.stream(self.service.metrics) { writer in
            do {
                let first = honoured.acknowledgement(id: request.id)
                try await writer.write(ByteBuffer(bytes: EventStream.message(first)))
                for await event in events.sequence {
                    guard try await self.perform(event, request.id, &writer) else { break }
                }
            } catch {
                // The client went away while we wrote: the end of the stream, not a fault.
            }
            self.openStreams.remove(number)
            await events.stop()
        }
    }

    private enum Watched {
        case task
        case resource(String)
    }

    /// Leaves out what does not exist or is not the caller's; only later updates are of interest.
    private func existing(
        _ subscription: Subscription,
        _ caller: MCPCaller
    ) async throws -> (Subscription, [(Watched, EnvelopeUpdateSequence)]) {
        var honoured = subscription
        var watched: [(Watched, EnvelopeUpdateSequence)] = []
        honoured.taskIDs = []
        for id in subscription.taskIDs {
            guard let record = try await self.service.load(id), caller.maySee(record) else { continue }
            honoured.taskIDs.append(id)
            watched.append((.task, self.service.feed.updates(of: record)))
        }
        honoured.resourceURIs = []
        for uri in subscription.resourceURIs {
            guard let id = Subscription.envelopeID(ofResource: uri), let record = try await self.service.load(id),
                caller.maySee(record)
            else { continue }
            honoured.resourceURIs.append(uri)
            watched.append((.resource(uri), self.service.feed.updates(of: record)))
        }
        return (honoured, watched)
    }

    private func watch(
        _ updates: EnvelopeUpdateSequence,
        _ events: AnswerEvents<OpenStreams.Event>,
        _ kind: Watched
    ) {
        events.run { events in
            do {
                for try await update in updates {
                    switch kind {
                    case .task: events.send(.task(update))
                    case .resource(let uri): events.send(.resource(uri))
                    }
                }
            } catch {
                // The store failed; the client asks again when it hears nothing.
            }
        }
    }

    /// Returns whether the stream goes on. Concurrent like the writer that Hummingbird lends.
    @concurrent
    private func perform(
        _ event: OpenStreams.Event,
        _ id: MessageID,
        _ writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        switch event {
        case .toolsChanged:
            try await writer.write(ByteBuffer(bytes: EventStream.message(Subscription.toolsChanged(id: id))))
        case .resource(let uri):
            let note = Subscription.resourceUpdated(uri, id: id)
            try await writer.write(ByteBuffer(bytes: EventStream.message(note)))
        case .task(let update):
            guard let note = try await self.taskNotification(update, id) else { return true }
            try await writer.write(ByteBuffer(bytes: EventStream.message(note)))
        case .quiet: try await writer.write(ByteBuffer(bytes: EventStream.keepAlive))
        case .clientClosed: return false
        case .shutdown:
            try await writer.write(ByteBuffer(bytes: EventStream.message(Subscription.closing(id: id))))
            return false
        }
        return true
    }

    private func taskNotification(_ update: EnvelopeUpdate, _ id: MessageID) async throws -> [UInt8]? {
        guard let record = try await self.service.load(update.envelopeID) else { return nil }
        let task = TaskDocument(record, lifetime: self.configuration.taskLifetime)
        let params = task.notificationParams(
            subscriptionID: id,
            result: self.callResult(record, version: .july2026)
        )
        return RPCResponse.notification("notifications/tasks", params: params)
    }
}
