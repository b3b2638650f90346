internal import NIOCore
internal import Synchronization

/// The connection that a request came in on, for answers that last: says when the client goes away.
///
/// It does not read the connection for that, as Hummingbird's `consumeWithInboundCloseHandler` does, after which the
/// connection serves no further request although its client was told that it would.
struct ClientConnection: Sendable {
    let channel: any Channel

    /// Calls `action` once when the client closes its side or the connection ends, at once when it has; never after
    /// `cancel()` of what it returns has taken effect.
    func whenClientLeaves(_ action: @escaping @Sendable () -> Void) -> Watch {
        let watch = Watch(channel: self.channel, action: action)
        self.channel.eventLoop.execute { DepartureHandler.of(watch.channel)?.add(watch) }
        return watch
    }

    /// Somebody who waits for the client's departure.
    final class Watch: Sendable {
        fileprivate let channel: any Channel
        private let action: Mutex<(@Sendable () -> Void)?>

        fileprivate init(channel: any Channel, action: @escaping @Sendable () -> Void) {
            self.channel = channel
            self.action = Mutex(action)
        }

        /// The answer is over: what happens to the connection is no longer of interest.
        func cancel() {
            self.action.withLock { $0 = nil }
            self.channel.eventLoop.execute { DepartureHandler.of(self.channel)?.remove(self) }
        }

        fileprivate func clientLeft() {
            let action = self.action.withLock { action in
                defer { action = nil }
                return action
            }
            action?()
        }
    }
}

/// Sees the end of what a client sends; lives on the connection's event loop.
final class DepartureHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Any
    typealias InboundOut = Any

    /// One as a rule: answers of one connection follow each other.
    private var watches: [ObjectIdentifier: ClientConnection.Watch] = [:]
    private var hasLeft = false

    /// On the event loop; nil for channels that are no connections of ours, as in tests.
    fileprivate static func of(_ channel: any Channel) -> DepartureHandler? {
        try? channel.pipeline.syncOperations.handler(type: DepartureHandler.self)
    }

    fileprivate func add(_ watch: ClientConnection.Watch) {
        if self.hasLeft { return watch.clientLeft() }
        self.watches[ObjectIdentifier(watch)] = watch
    }

    fileprivate func remove(_ watch: ClientConnection.Watch) { self.watches[ObjectIdentifier(watch)] = nil }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { self.clientLeft() }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.clientLeft()
        context.fireChannelInactive()
    }

    private func clientLeft() {
        self.hasLeft = true
        let watches = self.watches.values
        self.watches = [:]
        for watch in watches { watch.clientLeft() }
    }
}
