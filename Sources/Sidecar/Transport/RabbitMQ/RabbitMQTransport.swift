import Logging
import Support
import Traces

/// RabbitMQ behind the `Transport` seam: one connection that consumes and acknowledges, one that publishes, both made
/// again for ever when they are lost (`sidecar.md` section 6). Lives on the loop thread.
final class RabbitMQTransport: Transport {
    /// Delays of every connection after the first: 0.2, 0.4 … 10 s.
    private static let reconnectBackoff = Backoff(
        base: .milliseconds(200),
        factor: 2,
        cap: .seconds(10),
        jitter: 0.2
    )

    private let loop: EventLoop
    private let pool: SlabPool
    private let configuration: RabbitMQConfiguration
    private let metrics: SidecarMetrics
    private let logger: Logger
    private var random = SystemRandomNumberGenerator()
    private var phase = TransportPhase.idle
    private var consumer: RabbitMQConsumer?
    private var publisher: RabbitMQPublisher?
    private var nextGeneration: UInt32 = 1
    private var window: Int?
    private var isPaused = false
    /// Shutting down: a connection that is lost now stays lost (`sidecar.md` section 12).
    private var isEnding = false
    private var consumerTimer: LoopTimer?
    private var publisherTimer: LoopTimer?
    private var closeTimer: LoopTimer?
    private var consumerBackoff = RabbitMQTransport.reconnectBackoff
    private var publisherBackoff = RabbitMQTransport.reconnectBackoff
    private var couldPublish = false

    unowned var events: (any TransportEvents)?

    init(
        loop: EventLoop,
        pool: SlabPool,
        configuration: RabbitMQConfiguration,
        metrics: SidecarMetrics,
        logger: Logger
    ) throws(LoopError) {
        self.loop = loop
        self.pool = pool
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
        self.consumerTimer = try LoopTimer(loop: loop) { [unowned self] in self.connectConsumer() }
        self.publisherTimer = try LoopTimer(loop: loop) { [unowned self] in self.connectPublisher() }
        self.closeTimer = try LoopTimer(loop: loop) { [unowned self] in self.closed() }
    }

    // MARK: Transport

    func start() {
        self.phase = .starting(attempt: 0)
        self.connectConsumer()
        self.connectPublisher()
    }

    func startReceiving(window: Int) {
        self.window = window
        self.consumer?.startReceiving(window: window)
    }

    func setWindow(_ messageCount: Int) {
        guard self.window != nil else { return }
        self.window = messageCount
        self.consumer?.setWindow(messageCount)
    }

    func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        self.consumer?.setPaused(isPaused)
    }

    func stopReceiving() {
        self.window = nil
        self.isEnding = true
        self.setPaused(false)
        self.consumer?.stopReceiving()
    }

    var canPublish: Bool { self.publisher?.canPublish ?? false }
    var isConnected: Bool { (self.consumer?.isOpen ?? false) && (self.publisher?.isOpen ?? false) }

    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        trace: TraceHeaders?,
        token: UInt64,
        hop: Hop
    ) {
        guard let publisher = self.publisher else {
            self.loop.atTurnEnd { [weak self] in
                self?.events?.publicationSettled(token: token, outcome: .refused(.connectionLost))
            }
            return
        }
        publisher.publish(body, to: destination, messageID: messageID, token: token)
    }

    func acknowledge(_ receipt: Receipt) {
        guard let consumer = self.consumer, consumer.generation == receipt.generation else { return }
        consumer.acknowledge(receipt.tag)
    }

    // AMQP has transactions, but no broker is fast with them: confirms, then the acknowledgement.
    var groupsHops: Bool { false }
    // It cannot hide a message for a while either, and a classic queue never moves one away.
    var canDelayRelease: Bool { false }
    var deadLettersByItself: Bool { false }
    // AMQP headers are not interpreted, and none are sent (`sidecar.md` 6.2).
    var carriesTraces: Bool { false }
    // There is no lease: the broker watches the connection.
    func setRuntimeAlive(_ isAlive: Bool) {}

    func release(_ receipt: Receipt, after delay: Duration) {
        guard let consumer = self.consumer, consumer.generation == receipt.generation else { return }
        consumer.release(receipt.tag)
    }

    func flush() {
        self.consumer?.flush()
        self.publisher?.flush()
    }

    func close(limit: Duration) {
        if case .closing = self.phase { return }
        if case .closed = self.phase { return }
        self.phase = .closing
        self.consumerTimer?.stop()
        self.publisherTimer?.stop()
        self.closeTimer?.start(after: limit)
        self.consumer?.close()
        self.publisher?.close()
        self.loop.atTurnEnd { [weak self] in self?.closedWhenNothingIsLeft() }
    }

    private func closedWhenNothingIsLeft() {
        guard case .closing = self.phase, self.consumer == nil, self.publisher == nil else { return }
        self.closed()
    }

    private func closed() {
        guard case .closing = self.phase else { return }
        self.phase = .closed
        self.closeTimer?.stop()
        self.consumer?.drop()
        self.publisher?.drop()
        self.events?.transportClosed()
    }

    // MARK: Connecting

    private func connectConsumer() {
        guard self.consumer == nil else { return }
        do throws(LoopError) {
            self.consumer = try RabbitMQConsumer(
                loop: self.loop,
                pool: self.pool,
                configuration: self.configuration,
                generation: self.nextGeneration,
                owner: self
            )
        } catch {
            self.connectionLost(reason: "\(error)", timer: self.consumerTimer, backoff: &self.consumerBackoff)
        }
    }

    private func connectPublisher() {
        guard self.publisher == nil else { return }
        do throws(LoopError) {
            self.publisher = try RabbitMQPublisher(
                loop: self.loop,
                pool: self.pool,
                configuration: self.configuration,
                owner: self
            )
        } catch {
            self.connectionLost(reason: "\(error)", timer: self.publisherTimer, backoff: &self.publisherBackoff)
        }
    }

    private func connectionOpened() {
        self.metrics.transportConnected.set(self.isConnected ? 1 : 0)
        guard self.isConnected else { return }
        if case .starting = self.phase {
            self.phase = .running
            self.events?.transportStarted()
        } else if case .running = self.phase {
            self.metrics.transportReconnects.increment()
            self.logger.info("Connected to the broker again")
        }
    }

    /// One of the two connections is gone, or was never made.
    private func connectionLost(reason: String, timer: LoopTimer?, backoff: inout Backoff) {
        self.metrics.transportConnected.set(0)
        switch self.phase {
        case .starting(let attempt):
            self.startFailed(attempt: attempt, reason: reason)
        case .running where self.isEnding:
            self.logger.warning("Connection to the broker lost while shutting down", metadata: ["error": "\(reason)"])
        case .running:
            self.logger.warning("Connection to the broker lost, connecting again", metadata: ["error": "\(reason)"])
            timer?.start(after: backoff.next(using: &self.random))
        case .closing:
            self.loop.atTurnEnd { [weak self] in self?.closedWhenNothingIsLeft() }
        case .idle, .closed:
            break
        }
    }

    /// The start counts attempts of both connections together.
    private func startFailed(attempt: Int, reason: String) {
        self.consumer?.drop()
        self.publisher?.drop()
        self.consumer = nil
        self.publisher = nil
        guard attempt < TransportPhase.startDelays.count else {
            self.phase = .closing
            self.events?.transportFailedToStart(reason: reason)
            self.loop.atTurnEnd { [weak self] in self?.closedWhenNothingIsLeft() }
            return
        }
        self.logger.warning(
            "Cannot connect to the broker, trying again",
            metadata: ["attempt": "\(attempt + 1)", "error": "\(reason)"]
        )
        self.phase = .starting(attempt: attempt + 1)
        self.consumerTimer?.start(after: TransportPhase.startDelays[attempt])
        self.publisherTimer?.start(after: TransportPhase.startDelays[attempt])
    }

    private func announceAvailability() {
        guard self.canPublish != self.couldPublish else { return }
        self.couldPublish = self.canPublish
        self.events?.publishingAvailabilityChanged()
    }
}

extension RabbitMQTransport: RabbitMQConsumer.Owner {
    func consumerOpened(_ consumer: RabbitMQConsumer) {
        self.consumerBackoff.reset()
        if let window = self.window { consumer.startReceiving(window: window) }
        consumer.setPaused(self.isPaused)
        self.connectionOpened()
    }

    func consumer(_ consumer: RabbitMQConsumer, received message: ReceivedMessage) {
        self.events?.received(message)
    }

    func consumerChannelLost(_ consumer: RabbitMQConsumer) {
        self.events?.deliveriesForgotten(upToGeneration: consumer.generation)
    }

    func consumerLost(_ consumer: RabbitMQConsumer, reason: String) {
        self.nextGeneration = consumer.generation + 1
        self.consumer = nil
        self.events?.deliveriesForgotten(upToGeneration: consumer.generation)
        self.connectionLost(reason: reason, timer: self.consumerTimer, backoff: &self.consumerBackoff)
    }

    func consumer(_ consumer: RabbitMQConsumer, warns text: StaticString, reason: String) {
        self.logger.warning("\(text)", metadata: ["queue": "\(self.configuration.queueName)", "error": "\(reason)"])
    }
}

extension RabbitMQTransport: RabbitMQPublisher.Owner {
    func publisherOpened(_ publisher: RabbitMQPublisher) {
        self.publisherBackoff.reset()
        self.connectionOpened()
    }

    func publisher(_ publisher: RabbitMQPublisher, settled token: UInt64, _ outcome: PublicationOutcome) {
        self.events?.publicationSettled(token: token, outcome: outcome)
    }

    func publisherAvailabilityChanged(_ publisher: RabbitMQPublisher) {
        self.announceAvailability()
    }

    func publisherLost(_ publisher: RabbitMQPublisher, reason: String) {
        self.publisher = nil
        self.announceAvailability()
        self.connectionLost(reason: reason, timer: self.publisherTimer, backoff: &self.publisherBackoff)
    }

    func publisher(_ publisher: RabbitMQPublisher, warns text: StaticString, reason: String) {
        self.logger.warning("\(text)", metadata: ["error": "\(reason)"])
    }
}
