internal import Hummingbird
internal import MCP
internal import NIOCore

/// What reached a waiting call, with the place in the envelope's history where it did.
struct WaitingSignal: Sendable {
    var event: WaitingCall.Event
    var historyID: Int64?
}

/// Calls that wait for their envelope (`gateway.md` 18.5, 18.6, 23, 25.7).
extension MCPEndpoint {
    func wait(for envelopeID: String, _ call: ToolCall, _ caller: MCPCaller) async throws -> Response {
        let stream = ResumableStream(
            envelopeID: envelopeID,
            requestID: call.id,
            progressToken: call.progressToken
        )
        let answer = WaitingAnswer(
            endpoint: self,
            stream: stream,
            version: call.version,
            machine: WaitingCall(
                WaitingCall.Offer(era: call.era, media: call.media, progressToken: call.progressToken)
            ),
            key: call.session.map { OpenCalls.Key(session: $0, id: call.id) }
        )
        return try await answer.respond(caller, after: 0)
    }

    /// Continues the stream of a waiting call that was cut off (`gateway.md` 23).
    func resume(
        _ stream: ResumableStream,
        after sequence: Int64,
        version: ProtocolVersion,
        session: String?,
        _ caller: MCPCaller
    ) async throws -> Response? {
        guard let record = try await self.service.load(stream.envelopeID), caller.maySee(record) else { return nil }
        let offer = WaitingCall.Offer(
            era: .legacy,
            media: AcceptedMedia(json: false, eventStream: true),
            progressToken: stream.progressToken
        )
        let answer = WaitingAnswer(
            endpoint: self,
            stream: stream,
            version: version,
            machine: WaitingCall(offer),
            key: session.map { OpenCalls.Key(session: $0, id: stream.requestID) }
        )
        return try await answer.respond(caller, after: sequence)
    }
}

/// Performs what `WaitingCall` says for one request. Used by one task at a time: the handler until the headers are
/// sent, the writer of the body afterwards.
struct WaitingAnswer: Sendable {
    let endpoint: MCPEndpoint
    let stream: ResumableStream
    let version: ProtocolVersion
    var machine: WaitingCall
    /// Under which `notifications/cancelled` finds the call.
    let key: OpenCalls.Key?
    private let events = AnswerEvents<WaitingSignal>()

    init(
        endpoint: MCPEndpoint,
        stream: ResumableStream,
        version: ProtocolVersion,
        machine: WaitingCall,
        key: OpenCalls.Key?
    ) {
        self.endpoint = endpoint
        self.stream = stream
        self.version = version
        self.machine = machine
        self.key = key
    }

    private var hasEventIDs: Bool { self.version.isLegacy }

    func respond(_ caller: MCPCaller, after sequence: Int64) async throws -> Response {
        guard let updates = try await self.endpoint.service.updates(of: self.stream.envelopeID, after: sequence) else {
            throw RPCError(.internalError, "the envelope is gone")
        }
        self.watch(updates, caller)
        do {
            return try await self.hold(after: sequence)
        } catch {
            await self.end()
            throw error
        }
    }

    private func watch(_ updates: EnvelopeUpdateSequence, _ caller: MCPCaller) {
        self.events.run { events in
            do {
                for try await update in updates {
                    events.send(WaitingSignal(update))
                    if update.status.isTerminal { return }
                }
            } catch {
                // The store failed: as if the server went away, so that the client can come back.
            }
            events.send(WaitingSignal(event: .shutdown))
        }
        self.events.tick(every: self.endpoint.configuration.keepAliveInterval, WaitingSignal(event: .quiet))
        self.events.watch(caller.connection, WaitingSignal(event: .clientClosed))
        if let key = self.key { self.endpoint.openCalls.add(key, self.events) }
    }

    /// Until the headers must be sent.
    private func hold(after sequence: Int64) async throws -> Response {
        var answer = self
        for await signal in self.events.sequence {
            let actions = answer.machine.handle(signal.event)
            for (index, action) in actions.enumerated() {
                switch action {
                case .wait: break
                case .cancelEnvelope: try await self.cancelEnvelope()
                case .respondJSON:
                    await self.end()
                    return MCPAnswer.json(try await self.response())
                case .respondUnavailable:
                    await self.end()
                    let error = RPCError(.internalError, "the server is shutting down")
                    return MCPAnswer.json(error.response(to: self.stream.requestID), status: .serviceUnavailable)
                case .close:
                    await self.end()
                    return MCPAnswer.accepted
                case .openStream:
                    let rest = Array(actions[(index + 1)...])
                    return self.streaming(answer, first: rest, signal: signal, after: sequence)
                case .sendKeepAlive, .sendProgress, .respondOnStream, .closeForReconnect:
                    preconditionFailure("a waiting call writes only to a stream that it opened")
                }
            }
        }
        throw RPCError(.internalError, "the call ended without an answer")
    }

    private func streaming(
        _ answer: WaitingAnswer,
        first: [WaitingCall.Action],
        signal: WaitingSignal,
        after sequence: Int64
    ) -> Response {
        MCPAnswer.stream(self.endpoint.service.metrics) { writer in
            var answer = answer
            var historyID = sequence
            do {
                if answer.hasEventIDs {
                    // Something to resume from, before anything can be lost.
                    let id = answer.stream.eventID(sequence: historyID)
                    try await writer.write(ByteBuffer(bytes: EventStream.opening(id: id)))
                }
                historyID = signal.historyID ?? historyID
                var goesOn = try await answer.perform(first, historyID, &writer)
                var signals = answer.events.sequence.makeAsyncIterator()
                while goesOn, let signal = await signals.next() {
                    historyID = signal.historyID ?? historyID
                    goesOn = try await answer.perform(answer.machine.handle(signal.event), historyID, &writer)
                }
            } catch {
                // The client is gone: what that means depends on the era.
                for action in answer.machine.handle(.clientClosed) where action == .cancelEnvelope {
                    try await answer.cancelEnvelope()
                }
                await answer.end()
                throw error
            }
            await answer.end()
        }
    }

    /// Returns whether the stream goes on. Concurrent like the writer that Hummingbird lends.
    @concurrent
    private func perform(
        _ actions: [WaitingCall.Action],
        _ historyID: Int64,
        _ writer: inout any ResponseBodyWriter
    ) async throws -> Bool {
        let id = self.hasEventIDs ? self.stream.eventID(sequence: historyID) : nil
        for action in actions {
            switch action {
            case .wait: break
            case .sendKeepAlive: try await writer.write(ByteBuffer(bytes: EventStream.keepAlive))
            case .sendProgress(let percent, let message):
                guard let token = self.stream.progressToken else { break }
                let note = WaitingCall.notification(token: token, percent: percent, message: message)
                try await writer.write(ByteBuffer(bytes: EventStream.message(note, id: id)))
            case .respondOnStream:
                try await writer.write(ByteBuffer(bytes: EventStream.message(try await self.response(), id: id)))
                return false
            case .cancelEnvelope: try await self.cancelEnvelope()
            case .closeForReconnect:
                if self.hasEventIDs { try await writer.write(ByteBuffer(bytes: EventStream.retry(milliseconds: 1000))) }
                return false
            case .close: return false
            case .respondJSON, .openStream, .respondUnavailable:
                preconditionFailure("a waiting call that streams sends no headers any more")
            }
        }
        return true
    }

    private func response() async throws -> [UInt8] {
        guard let record = try await self.endpoint.service.load(self.stream.envelopeID),
            let result = self.endpoint.callResult(record, version: self.version)
        else { return RPCError(.internalError, "the envelope is gone").response(to: self.stream.requestID) }
        let signed = self.version.isLegacy ? result : self.endpoint.server.signed(result)
        return RPCResponse.result(signed, to: self.stream.requestID)
    }

    private func cancelEnvelope() async throws {
        _ = try await self.endpoint.service.cancel(self.stream.envelopeID)
    }

    private func end() async {
        if let key = self.key { self.endpoint.openCalls.remove(key, self.events) }
        await self.events.stop()
    }
}

extension WaitingSignal {
    init(_ update: EnvelopeUpdate) {
        self.event =
            update.status.isTerminal
            ? .ended : .progress(percent: update.progressPercent, message: update.message)
        self.historyID = update.historyID
    }

    init(event: WaitingCall.Event) {
        self.event = event
        self.historyID = nil
    }
}
