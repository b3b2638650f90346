/// The answer to one waiting call: a single JSON response, or a stream of progress that ends with the response
/// (gateway.md 18.5, 19.6, 23).
///
/// Headers are held back until the first notification or until it has been quiet for long, so that a call that ends
/// soon is plain JSON. Lives with the request; knows neither sockets nor clocks.
package struct WaitingCall {
    package struct Offer: Sendable {
        package var era: Era
        package var media: AcceptedMedia
        /// Progress is reported only to a client that asked for it.
        package var progressToken: JSONTree?

        package init(era: Era, media: AcceptedMedia, progressToken: JSONTree?) {
            self.era = era
            self.media = media
            self.progressToken = progressToken
        }
    }

    package enum Event: Sendable, Equatable {
        /// An update of the envelope that is not its last.
        case progress(percent: Double?, message: String?)
        case ended
        /// Nothing happened for the length of a keep-alive interval.
        case quiet
        /// The client closed the connection.
        case clientClosed
        /// The client sent `notifications/cancelled`, which only the legacy era has.
        case cancelRequested
        /// The server is shutting down.
        case shutdown
    }

    package enum Action: Sendable, Equatable {
        case wait
        /// The response as JSON, with a status; the end.
        case respondJSON
        /// Sends the headers of a stream; further actions follow from the same event.
        case openStream
        case sendKeepAlive
        case sendProgress(percent: Double, message: String?)
        /// The response as the last event; the end.
        case respondOnStream
        case cancelEnvelope
        /// Ends without a response: nobody would read it, or the client asked for none.
        case close
        /// Ends the stream early; the client may resume it elsewhere.
        case closeForReconnect
        /// The response says that the server is going away.
        case respondUnavailable
    }

    private enum State {
        case held, streaming, done
    }

    private let offer: Offer
    private var state = State.held
    private var lastPercent = -1.0

    package init(_ offer: Offer) { self.offer = offer }

    package var isDone: Bool { self.state == .done }

    /// What to do, in order.
    package mutating func handle(_ event: Event) -> [Action] {
        switch (self.state, event) {
        case (.done, _): return []
        case (_, .progress(let percent, let message)): return self.progress(percent, message)
        case (.held, .quiet): return self.offer.media.eventStream ? self.open() + [.sendKeepAlive] : [.wait]
        case (.streaming, .quiet): return [.sendKeepAlive]
        case (.held, .ended):
            return self.finish(self.offer.media.json ? [.respondJSON] : [.openStream, .respondOnStream])
        case (.streaming, .ended): return self.finish([.respondOnStream])
        case (_, .clientClosed):
            // In the legacy era a dropped connection is no cancellation: the stream can be resumed.
            return self.finish(self.offer.era == .modern ? [.cancelEnvelope, .close] : [.close])
        case (_, .cancelRequested): return self.finish([.cancelEnvelope, .close])
        case (.held, .shutdown): return self.finish([.respondUnavailable])
        case (.streaming, .shutdown): return self.finish([.closeForReconnect])
        }
    }

    private mutating func progress(_ percent: Double?, _ message: String?) -> [Action] {
        guard self.offer.progressToken != nil, self.offer.media.eventStream, let percent, percent > self.lastPercent
        else { return [.wait] }
        self.lastPercent = percent
        let report = Action.sendProgress(percent: percent, message: message)
        return self.state == .held ? self.open() + [report] : [report]
    }

    private mutating func open() -> [Action] {
        self.state = .streaming
        return [.openStream]
    }

    private mutating func finish(_ actions: [Action]) -> [Action] {
        self.state = .done
        return actions
    }

    /// The notification for a progress action.
    package static func notification(token: JSONTree, percent: Double, message: String?) -> [UInt8] {
        var params = JSONObject([
            ("progressToken", token), ("progress", .number(JSONNumber(percent))), ("total", 100),
        ])
        if let message, !message.isEmpty { params["message"] = .string(message) }
        return RPCResponse.notification("notifications/progress", params: .object(params))
    }
}
