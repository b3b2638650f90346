import AMQP

/// The consuming side on one connection: checks the queue, subscribes, delivers, settles (`sidecar.md` 6.2).
///
/// A missing queue or a cancelled subscription is tried again on a fresh channel, for ever; a lost connection ends this
/// object, and the transport makes another one with the next generation.
final class RabbitMQConsumer: AMQPConnection.Owner {
    /// The transport.
    protocol Owner: AnyObject {
        func consumerOpened(_ consumer: RabbitMQConsumer)
        func consumer(_ consumer: RabbitMQConsumer, received message: ReceivedMessage)
        /// Deliveries of the channel are void; a new channel has this generation.
        func consumerChannelLost(_ consumer: RabbitMQConsumer)
        func consumerLost(_ consumer: RabbitMQConsumer, reason: String)
        func consumer(_ consumer: RabbitMQConsumer, warns text: StaticString, reason: String)
    }

    private enum Channel {
        case closed, opening, checkingQueue, settingPrefetch, subscribing, subscribed, cancelling, idle
    }

    /// The delay between attempts once those of the configuration are used up.
    private static let patientDelay = Duration.seconds(30)

    /// Identifies the channel whose tags are valid.
    private(set) var generation: UInt32
    private let configuration: RabbitMQConfiguration
    private unowned var owner: (any Owner)?
    private var connection: AMQPConnection?
    private var channel = Channel.closed
    private var wantsDeliveries = false
    private var window = 1
    /// What the broker was told last.
    private var prefetchCount = 1
    private var consumerTag = ""
    private var acks = AckBatch()
    private var attempts = 0
    private var retryTimer: LoopTimer?
    private var incoming: DeliverMethod?
    private var previousDeliveries: Int?

    init(
        loop: EventLoop,
        pool: SlabPool,
        configuration: RabbitMQConfiguration,
        generation: UInt32,
        owner: any Owner
    ) throws(LoopError) {
        self.configuration = configuration
        self.generation = generation
        self.owner = owner
        self.retryTimer = try LoopTimer(loop: loop) { [unowned self] in self.openChannel() }
        self.connection = try AMQPConnection(
            loop: loop,
            pool: pool,
            configuration: configuration,
            name: configuration.connectionName + " consumer",
            owner: self
        )
    }

    var isOpen: Bool { self.connection?.isOpen ?? false }

    // MARK: Subscription

    func startReceiving(window: Int) {
        self.window = window
        guard !self.wantsDeliveries else { return }
        self.wantsDeliveries = true
        if self.isOpen { self.openChannel() }
    }

    /// Cancels and subscribes again with another prefetch; deliveries under way stay valid.
    func setWindow(_ window: Int) {
        guard window != self.window else { return }
        self.window = window
        self.applyWindow()
    }

    /// A change while the subscription is being made waits until it is.
    private func applyWindow() {
        guard self.channel == .subscribed, self.window != self.prefetchCount else { return }
        self.channel = .cancelling
        self.send(.basicCancel(consumerTag: self.consumerTag))
    }

    func stopReceiving() {
        self.wantsDeliveries = false
        self.retryTimer?.stop()
        guard self.channel == .subscribed else { return }
        self.channel = .cancelling
        self.send(.basicCancel(consumerTag: self.consumerTag))
    }

    func setPaused(_ isPaused: Bool) {
        self.connection?.setPaused(isPaused)
    }

    private func openChannel() {
        guard self.wantsDeliveries, self.isOpen, self.channel == .closed else { return }
        self.channel = .opening
        self.send(.channelOpen)
        self.connection?.flush()
    }

    private func subscribe() {
        self.channel = .settingPrefetch
        self.prefetchCount = self.window
        self.send(.basicQos(prefetchCount: UInt16(clamping: self.window)))
    }

    private func tryAgainLater() {
        guard self.wantsDeliveries else { return }
        self.attempts += 1
        let delay =
            self.attempts >= self.configuration.queueAttempts
            ? Self.patientDelay
            : min(self.configuration.queueBackoff * (1 << min(self.attempts - 1, 20)), Self.patientDelay)
        self.retryTimer?.start(after: delay)
    }

    private func send(_ method: ClientMethod) {
        self.connection?.send(method, channel: 1)
    }

    // MARK: Settlement

    func acknowledge(_ tag: UInt64) {
        self.acks.acknowledge(tag)
    }

    func release(_ tag: UInt64) {
        self.acks.released(tag)
        self.connection?.write { output in
            output.append(count: FrameWriter.settlementByteCount) {
                FrameWriter.writeRequeue(to: $0, channel: 1, tag: tag)
            }
        }
    }

    func flush() {
        guard let connection = self.connection else { return }
        if self.acks.hasPending {
            self.acks.takeFrames { frame in
                connection.write { output in
                    output.append(count: FrameWriter.settlementByteCount) {
                        FrameWriter.writeAck(to: $0, channel: 1, tag: frame.tag, multiple: frame.isMultiple)
                    }
                }
            }
        }
        connection.flush()
    }

    // MARK: Closing

    func close() {
        self.stopReceiving()
        self.flush()
        self.connection?.close()
    }

    func drop() {
        self.owner = nil
        self.retryTimer = nil
        self.connection?.drop()
        self.connection = nil
    }

    // MARK: AMQPConnection.Owner

    func connectionOpened(_ connection: AMQPConnection) {
        self.owner?.consumerOpened(self)
        self.openChannel()
    }

    func connectionLost(_ connection: AMQPConnection, reason: String) {
        self.connection = nil
        self.channel = .closed
        self.owner?.consumerLost(self, reason: reason)
    }

    func connection(_ connection: AMQPConnection, received method: ServerMethod, channel: UInt16) {
        switch (self.channel, method) {
        case (.opening, .channelOpenOk):
            self.channel = .checkingQueue
            self.send(.queueDeclarePassive(name: self.configuration.queueName))
        case (.checkingQueue, .queueDeclareOk):
            self.subscribe()
        case (.settingPrefetch, .basicQosOk):
            self.channel = .subscribing
            self.send(.basicConsume(queue: self.configuration.queueName))
        case (.subscribing, .basicConsumeOk(let tag)):
            self.subscribed(tag)
        case (.cancelling, .basicCancelOk):
            self.cancelled()
        case (_, .basicCancel):
            self.owner?.consumer(self, warns: "Subscription cancelled by the broker", reason: "queue deleted")
            self.closeChannel()
        case (_, .channelClose(let reason)):
            self.send(.channelCloseOk)
            self.channelClosed("\(reason)")
        case (_, .channelFlow(let isActive)):
            self.send(.channelFlowOk(isActive: isActive))
        default:
            break  // Nothing else changes what this side does (blocked concerns publishers).
        }
    }

    private func subscribed(_ tag: String) {
        self.consumerTag = tag
        self.attempts = 0
        self.channel = .subscribed
        guard self.wantsDeliveries else {
            self.stopReceiving()
            return
        }
        self.applyWindow()
    }

    private func cancelled() {
        if self.wantsDeliveries {
            self.subscribe()
        } else {
            self.channel = .idle
        }
    }

    /// The channel holds nothing that could not be checked again: a fresh one starts with the queue.
    private func closeChannel() {
        self.send(.channelClose)
        self.channelClosed("")
    }

    private func channelClosed(_ reason: String) {
        self.channel = .closed
        self.acks = AckBatch()
        self.incoming = nil
        if !reason.isEmpty {
            self.owner?.consumer(self, warns: "Cannot consume from the queue, trying again", reason: reason)
        }
        self.owner?.consumerChannelLost(self)
        self.generation += 1
        self.tryAgainLater()
    }

    // MARK: Deliveries

    func connection(_ connection: AMQPConnection, received method: ContentMethod, payload: UnsafeRawBufferPointer) {
        // Late deliveries of a channel that is being closed come back to the queue with it.
        guard case .deliver(let delivery) = method, self.channel != .closed, self.channel != .opening else { return }
        self.incoming = delivery
        self.previousDeliveries = nil
    }

    func connection(_ connection: AMQPConnection, header: ContentHeader, payload: UnsafeRawBufferPointer) {
        if header.hasHeaderTable { self.previousDeliveries = header.deliveryCount(in: payload) }
    }

    func connection(_ connection: AMQPConnection, body: ByteSlice) {
        guard let delivery = self.incoming else { return }
        self.incoming = nil
        do throws(AMQPError) {
            try self.acks.delivered(delivery.deliveryTag)
        } catch {
            self.owner?.consumer(self, warns: "Broker sent an impossible delivery tag", reason: "\(error)")
            self.closeChannel()
            return
        }
        let message = ReceivedMessage(
            body: body,
            receipt: Receipt(generation: self.generation, tag: delivery.deliveryTag),
            previousDeliveries: self.previousDeliveries,
            isRedelivered: delivery.isRedelivered
        )
        self.owner?.consumer(self, received: message)
    }
}
