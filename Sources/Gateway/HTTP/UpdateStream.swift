internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Support

/// Server-sent events of one envelope (`gateway.md` 8, 25.1).
enum UpdateStream {
    /// How long browsers wait before they connect again, after a shutdown too.
    private static let retryMilliseconds = 1000

    /// GET /envelopes/{id}/stream
    static func open(_ request: Request, _ call: RouteCall) async throws -> Response {
        let record = try await EnvelopeRoutes.visible(call)
        let updates = call.services.service.feed.updates(of: record, after: self.position(request))
        let services = call.services
        let body = ResponseBody { writer in
            services.metrics.streamOpened(.updates)
            defer { services.metrics.streamClosed(.updates) }
            let watch = call.connection.whenClientLeaves { updates.end() }
            defer { watch.cancel() }
            var writer = writer
            try await self.write(updates, to: &writer, services)
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream",
                .cacheControl: "no-cache",
                .connection: "keep-alive",
                .xAccelBuffering: "no",
            ],
            body: body
        )
    }

    /// Where a reconnecting client continues; 0 for the beginning.
    private static func position(_ request: Request) -> Int64 {
        let text = request.headers[.lastEventID] ?? request.uri.queryParameters["after"].map { String($0) }
        return max(0, text.flatMap { Int64($0) } ?? 0)
    }

    @concurrent
    private static func write(
        _ updates: EnvelopeUpdateSequence,
        to writer: inout any ResponseBodyWriter,
        _ services: GatewayServices
    ) async throws {
        // Says at once that the stream is open: the head leaves with the first bytes.
        try await writer.write(ByteBuffer(string: ": open\n\n"))
        var iterator = updates.makeAsyncIterator()
        while let event = try await iterator.nextEvent() {
            switch event {
            case .update(let update):
                try await writer.write(ByteBuffer(bytes: self.event(update)))
                services.metrics.eventsDelivered(1)
            case .silence: try await writer.write(ByteBuffer(string: ": keepalive\n\n"))
            }
        }
        if services.isDraining {
            try await writer.write(ByteBuffer(string: "retry: \(self.retryMilliseconds)\n\n"))
        }
    }

    /// One event; the id is the entry's number in the history.
    static func event(_ update: EnvelopeUpdate) -> [UInt8] {
        var bytes: [UInt8] = []
        if update.historyID > 0 { bytes.append(contentsOf: "id: \(update.historyID)\n".utf8) }
        bytes.append(contentsOf: "event: update\ndata: ".utf8)
        // A JSON text may contain line feeds between its tokens; an event's data is one line.
        bytes.append(contentsOf: update.document.bytes.filter { $0 != 0x0A && $0 != 0x0D })
        bytes.append(contentsOf: "\n\n".utf8)
        return bytes
    }
}
