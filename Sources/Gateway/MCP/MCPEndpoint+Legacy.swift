internal import HTTPTypes
internal import Hummingbird
internal import MCP
internal import NIOCore

/// The legacy era: a handshake, sessions without state, streams that can be resumed (`gateway.md` 10, 23).
extension MCPEndpoint {
    func serveLegacy(_ message: IncomingMessage, _ caller: MCPCaller) async -> Response {
        do {
            let claim = SessionRule.Claim(caller.headers.first(HeaderName.sessionID))
            let isEnded = try await self.isEnded(claim)
            let session: String?
            switch SessionRule.post(claim, method: message.method, isEnded: isEnded) {
            case .refuseInvalid: return Response.error(.badRequest, "Invalid session ID")
            case .refuseEnded: return Response.error(.notFound, "Session terminated")
            case .serve(let named): session = named
            }
            switch message.kind {
            // We never ask a client for anything, so there is nothing that a response could answer.
            case .response: return MCPAnswer.accepted
            case .notification(let method):
                self.notified(method, message.params, session)
                return MCPAnswer.accepted
            case .request(let id, let method):
                return try await self.serve(method, id: id, message, session, caller)
            }
        } catch let error as RPCError {
            return MCPAnswer.failure(error, to: message.id, era: .legacy)
        } catch {
            return self.internalError(error, method: message.method ?? "", to: message.id, era: .legacy)
        }
    }

    private func isEnded(_ claim: SessionRule.Claim) async throws -> Bool {
        guard case .wellFormed(let session) = claim else { return false }
        return try await self.service.store.isSessionTerminated(session)
    }

    private func notified(_ method: String, _ params: JSONObject, _ session: String?) {
        guard method == "notifications/cancelled", let session, let id = params["requestId"].flatMap(MessageID.init)
        else { return }
        self.openCalls.cancel(OpenCalls.Key(session: session, id: id))
    }

    private func serve(
        _ method: String,
        id: MessageID,
        _ message: IncomingMessage,
        _ session: String?,
        _ caller: MCPCaller
    ) async throws -> Response {
        let version = caller.versionHeader.flatMap(ProtocolVersion.init) ?? .assumedLegacy
        switch method {
        case "initialize": return self.handshake(message.params, id: id)
        case "ping": return MCPAnswer.json(RPCResponse.result([:], to: id))
        case "tools/list":
            let list = try self.tools.list(params: message.params, version: version, description: self.server)
            return MCPAnswer.json(RPCResponse.result(list, to: id))
        case "tools/call":
            let call = try ToolCall(message, id: id, version: version, session: session, caller)
            return try await self.call(call, caller)
        default: throw RPCError.methodNotFound(method)
        }
    }

    private func handshake(_ params: JSONObject, id: MessageID) -> Response {
        let version = ProtocolVersion.negotiated(requested: params["protocolVersion"]?.string)
        var response = MCPAnswer.json(RPCResponse.result(self.server.handshake(version), to: id))
        response.headers[.mcpSessionID] = SessionRule.prefix + UUIDText.random()
        return response
    }

    /// DELETE: always 200, as the original answers; the id is refused from now on.
    func endSession(_ caller: MCPCaller) async throws -> Response {
        if case .wellFormed(let session) = SessionRule.Claim(caller.headers.first(HeaderName.sessionID)) {
            try await self.service.store.terminateSession(session)
        }
        return Response(status: .ok, headers: [.contentLength: "0"])
    }

    /// GET: a stream of notifications, or the rest of a waiting call.
    func openLegacyStream(_ caller: MCPCaller) async throws -> Response {
        let claim = SessionRule.Claim(caller.headers.first(HeaderName.sessionID))
        let session: String?
        switch SessionRule.open(claim, isEnded: try await self.isEnded(claim)) {
        case .refuseInvalid: return Response.error(.badRequest, "Invalid session ID")
        case .refuseEnded: return Response.error(.notFound, "Session terminated")
        case .serve(let named): session = named
        }
        if let eventID = caller.headers.first("Last-Event-ID"), let place = ResumableStream.parse(eventID) {
            let version = caller.versionHeader.flatMap(ProtocolVersion.init) ?? .assumedLegacy
            let resumed = try await self.resume(
                place.stream,
                after: place.sequence,
                version: version,
                session: session,
                caller
            )
            return resumed ?? Response.error(.notFound, "Unknown stream")
        }
        return self.notificationStream(session, caller)
    }

    private func notificationStream(_ session: String?, _ caller: MCPCaller) -> Response {
        let events = AnswerEvents<OpenStreams.Event>()
        let number = self.openStreams.add(events, session: session)
        self.watch(events, caller)
        self.watchTools(events)
        return MCPAnswer.stream(self.service.metrics) { writer in
            let changed = RPCResponse.notification("notifications/tools/list_changed", params: [:])
            do {
                loop: for await event in events.sequence {
                    switch event {
                    case .toolsChanged where self.openStreams.isNewest(number, of: session):
                        try await writer.write(ByteBuffer(bytes: EventStream.message(changed)))
                    case .quiet: try await writer.write(ByteBuffer(bytes: EventStream.keepAlive))
                    case .clientClosed, .shutdown: break loop
                    case .toolsChanged, .task, .resource: break
                    }
                }
            } catch {
                // The client went away while we wrote: the end of the stream, not a fault.
            }
            self.openStreams.remove(number, session: session)
            await events.stop()
        }
    }

    /// What every long stream watches for.
    func watch(_ events: AnswerEvents<OpenStreams.Event>, _ caller: MCPCaller) {
        events.tick(every: self.configuration.keepAliveInterval, .quiet)
        events.watch(caller.connection, .clientClosed)
    }

    func watchTools(_ events: AnswerEvents<OpenStreams.Event>) {
        let changes = self.service.catalog.changes()
        events.run { events in
            for await _ in changes { events.send(.toolsChanged) }
        }
    }
}
