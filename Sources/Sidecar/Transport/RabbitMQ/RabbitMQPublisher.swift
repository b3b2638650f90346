import AMQP
import Glibc

/// The publishing side on a connection of its own, because a broker under a memory alarm stops reading connections that
/// publish (`sidecar.md` 6.3): one channel in confirm mode, every publication mandatory.
///
/// A publication that the topic exchange cannot route comes back whole (`basic.return`), and is published again
/// through the default exchange with the full queue name; only if that comes back too, the destination is missing.
final class RabbitMQPublisher: AMQPConnection.Owner {
    /// The transport.
    protocol Owner: AnyObject {
        func publisherOpened(_ publisher: RabbitMQPublisher)
        func publisher(_ publisher: RabbitMQPublisher, settled token: UInt64, _ outcome: PublicationOutcome)
        func publisherAvailabilityChanged(_ publisher: RabbitMQPublisher)
        func publisherLost(_ publisher: RabbitMQPublisher, reason: String)
        func publisher(_ publisher: RabbitMQPublisher, warns text: StaticString, reason: String)
    }

    private enum Channel {
        case closed, opening, declaringExchange, selectingConfirms, open
    }

    /// What is known of a publication until it is confirmed. Small: one per unconfirmed message.
    private struct Outstanding {
        var token: UInt64
        var destination: PreparedDestination
        var messageIDHash: UInt64
        var byteCount: Int
        var isDirect: Bool
        /// It came back and was published again: its confirm means nothing.
        var isSuperseded = false
        /// It came back and that was the last way: its confirm completes the refusal.
        var isReturned = false
    }

    /// Output beyond which nothing more is taken, and below which it is again (hot-path guidance, section 9).
    private static let highWaterByteCount = 4 * 1024 * 1024
    private static let lowWaterByteCount = 1024 * 1024
    /// The delay before a channel is opened again.
    private static let channelDelay = Duration.milliseconds(200)

    private let configuration: RabbitMQConfiguration
    private unowned var owner: (any Owner)?
    private let loop: EventLoop
    private var connection: AMQPConnection?
    private var channel = Channel.closed
    private var tracker = ConfirmTracker<Outstanding>()
    /// Empty between confirms; kept for its memory.
    private var answered: [Outstanding] = []
    /// A returned body on its way out again.
    private let scratch: PieceList
    private var returned: ReturnedMessage?
    private var retryTimer: LoopTimer?
    private var isBlocked = false
    private var isFlowStopped = false
    private var isCongested = false
    private var clockSeconds: UInt64 = 0

    private struct ReturnedMessage {
        var exchange: [UInt8]
        var routingKey: [UInt8]
        var messageIDHash: UInt64
        var messageID: [UInt8]
    }

    init(
        loop: EventLoop,
        pool: SlabPool,
        configuration: RabbitMQConfiguration,
        owner: any Owner
    ) throws(LoopError) {
        self.loop = loop
        self.configuration = configuration
        self.owner = owner
        self.scratch = PieceList(pool: pool)
        self.retryTimer = try LoopTimer(loop: loop) { [unowned self] in self.openChannel() }
        self.connection = try AMQPConnection(
            loop: loop,
            pool: pool,
            configuration: configuration,
            name: configuration.connectionName + " publisher",
            owner: self
        )
    }

    var isOpen: Bool { self.channel == .open }
    var canPublish: Bool { self.isOpen && !self.isBlocked && !self.isFlowStopped && !self.isCongested }

    // MARK: Publishing

    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        token: UInt64
    ) {
        let prepared = self.prepared(destination)
        let isDirect = prepared.prefersDirect || destination.isDirect
        guard self.isOpen, let template = prepared.template(isDirect: isDirect) else {
            // A name that does not fit AMQP's fields cannot exist.
            let failure: PublicationFailure = self.isOpen ? .destinationMissing : .connectionLost
            self.loop.atTurnEnd { [weak self] in
                guard let self else { return }
                self.owner?.publisher(self, settled: token, .refused(failure))
            }
            return
        }
        let id = PublicationTemplate.fitting(messageID)
        self.writeHeader(template, id, body.byteCount)
        self.writeBody(body)
        self.tracker.published(
            Outstanding(
                token: token,
                destination: prepared,
                messageIDHash: byteHash(id),
                byteCount: body.byteCount,
                isDirect: isDirect
            )
        )
        self.updateCongestion()
    }

    private func prepared(_ destination: Destination) -> PreparedDestination {
        if let known = destination.prepared as? PreparedDestination { return known }
        let fresh = PreparedDestination(destination, exchange: self.configuration.exchange)
        destination.prepared = fresh
        return fresh
    }

    private func writeHeader(_ template: PublicationTemplate, _ id: UnsafeRawBufferPointer, _ byteCount: Int) {
        let seconds = self.clockSeconds
        self.connection?.write { output in
            output.append(count: template.byteCount(messageIDByteCount: id.count)) {
                template.write(to: $0, messageID: id, bodyByteCount: byteCount, secondsSinceEpoch: seconds)
            }
        }
    }

    /// Body frames, each at most as long as the connection allows; the pieces are referenced or copied as they are.
    private func writeBody(_ body: PieceList) {
        guard let connection = self.connection else { return }
        let frameLimit = Int(connection.tuning.frameMaximum) - FrameDecoder.overheadByteCount
        var bodyLeft = body.byteCount
        var frameLeft = 0
        connection.write { output in
            for piece in body.pieces {
                var offset = 0
                while offset < piece.count {
                    if frameLeft == 0 {
                        frameLeft = min(bodyLeft, frameLimit)
                        let count = frameLeft
                        output.append(count: FrameDecoder.headerByteCount) {
                            FrameWriter.writeBodyHeader(to: $0, channel: 1, byteCount: count)
                        }
                    }
                    let count = min(piece.count - offset, frameLeft)
                    output.append(piece.slice.part(offset..<offset + count))
                    offset += count
                    frameLeft -= count
                    bodyLeft -= count
                    if frameLeft == 0 { output.append(FrameDecoder.endOctet) }
                }
            }
        }
    }

    private func updateCongestion() {
        guard let connection = self.connection else { return }
        let count = connection.output.byteCount
        let isCongested = self.isCongested ? count > Self.lowWaterByteCount : count > Self.highWaterByteCount
        guard isCongested != self.isCongested else { return }
        self.isCongested = isCongested
        self.owner?.publisherAvailabilityChanged(self)
    }

    func flush() {
        guard let connection = self.connection else { return }
        if !connection.output.isEmpty { self.clockSeconds = UInt64(max(0, time(nil))) }
        connection.flush()
        self.updateCongestion()
    }

    // MARK: Closing

    func close() {
        self.retryTimer?.stop()
        self.flush()
        self.connection?.close()
    }

    func drop() {
        self.owner = nil
        self.retryTimer = nil
        self.connection?.drop()
        self.connection = nil
    }

    // MARK: The channel

    private func openChannel() {
        guard let connection = self.connection, connection.isOpen, self.channel == .closed else { return }
        self.clockSeconds = UInt64(max(0, time(nil)))
        self.channel = .opening
        self.send(.channelOpen)
        connection.flush()
    }

    private func send(_ method: ClientMethod) {
        self.connection?.send(method, channel: 1)
    }

    func connectionOpened(_ connection: AMQPConnection) {
        self.openChannel()
    }

    func connectionLost(_ connection: AMQPConnection, reason: String) {
        self.connection = nil
        self.channel = .closed
        self.refuseOutstanding { _ in .connectionLost }
        self.owner?.publisherLost(self, reason: reason)
    }

    func connection(_ connection: AMQPConnection, received method: ServerMethod, channel: UInt16) {
        switch (self.channel, method) {
        case (.opening, .channelOpenOk):
            self.channel = .declaringExchange
            self.send(.exchangeDeclare(name: self.configuration.exchange))
        case (.declaringExchange, .exchangeDeclareOk):
            self.channel = .selectingConfirms
            self.send(.confirmSelect)
        case (.selectingConfirms, .confirmSelectOk):
            self.channel = .open
            self.owner?.publisherOpened(self)
            self.owner?.publisherAvailabilityChanged(self)
        case (_, .connectionBlocked(let reason)):
            self.setBlocked(true, reason)
        case (_, .connectionUnblocked):
            self.setBlocked(false, "")
        case (_, .channelFlow(let isActive)):
            self.isFlowStopped = !isActive
            self.send(.channelFlowOk(isActive: isActive))
            self.owner?.publisherAvailabilityChanged(self)
        case (_, .channelClose(let reason)):
            self.send(.channelCloseOk)
            self.channelClosed(reason)
        default:
            break  // Answers to what was given up meanwhile.
        }
    }

    private func setBlocked(_ isBlocked: Bool, _ reason: String) {
        self.isBlocked = isBlocked
        if isBlocked {
            self.owner?.publisher(self, warns: "Broker blocks publications", reason: reason)
        }
        self.owner?.publisherAvailabilityChanged(self)
    }

    /// The broker closed the channel because of one publication; which one follows from its words.
    private func channelClosed(_ reason: CloseReason) {
        let wasOpen = self.channel == .open
        self.channel = .closed
        self.returned = nil
        if reason.code == CloseReason.preconditionFailed, let size = reason.refusedByteCount {
            self.refuseOutstanding { $0 == size ? .tooLarge : .connectionLost }
        } else {
            self.refuseOutstanding { _ in .connectionLost }
        }
        self.owner?.publisher(self, warns: "Publishing channel closed by the broker", reason: "\(reason)")
        guard wasOpen else {
            // The exchange cannot be declared: start again from the connection, with its own delays.
            self.connection?.drop()
            self.connection = nil
            self.owner?.publisherLost(self, reason: "\(reason)")
            return
        }
        self.owner?.publisherAvailabilityChanged(self)
        self.retryTimer?.start(after: Self.channelDelay)
    }

    private func refuseOutstanding(_ failure: (_ byteCount: Int) -> PublicationFailure) {
        for publication in self.tracker.removeAll() where !publication.isSuperseded {
            self.owner?.publisher(self, settled: publication.token, .refused(failure(publication.byteCount)))
        }
    }

    // MARK: Confirms and returns

    func connection(_ connection: AMQPConnection, received method: ContentMethod, payload: UnsafeRawBufferPointer) {
        switch method {
        case .confirm(let confirm):
            self.confirmed(confirm, connection)
        case .returned(let message):
            self.returned = ReturnedMessage(
                exchange: Array(payload[message.exchange]),
                routingKey: Array(payload[message.routingKey]),
                messageIDHash: byteHash(UnsafeRawBufferPointer(start: nil, count: 0)),
                messageID: []
            )
        case .deliver, .other:
            break
        }
    }

    /// Collects first and reports afterwards: the pipeline may publish from inside the report (an error envelope, a
    /// dead letter), which changes the tracker.
    private func confirmed(_ confirm: ConfirmMethod, _ connection: AMQPConnection) {
        var answered: [Outstanding] = []
        swap(&answered, &self.answered)
        do throws(AMQPError) {
            try self.tracker.confirmed(confirm) { answered.append($0) }
        } catch {
            self.connection?.drop()
            self.connectionLost(connection, reason: "\(error)")
            return
        }
        for publication in answered { self.settled(publication, isAccepted: confirm.isAccepted) }
        answered.removeAll(keepingCapacity: true)
        swap(&answered, &self.answered)
    }

    func connection(_ connection: AMQPConnection, header: ContentHeader, payload: UnsafeRawBufferPointer) {
        guard self.returned != nil, let range = header.messageID(in: payload) else { return }
        self.returned?.messageID = Array(payload[range])
        self.returned?.messageIDHash = byteHash(UnsafeRawBufferPointer(rebasing: payload[range]))
    }

    /// The body of a returned message.
    func connection(_ connection: AMQPConnection, body: ByteSlice) {
        guard let message = self.returned else { return }
        self.returned = nil
        let isDirect = message.exchange.isEmpty
        var found: Outstanding?
        let directTemplate = { (publication: Outstanding) in
            isDirect ? nil : publication.destination.template(isDirect: true)
        }
        _ = self.tracker.update {
            $0.isDirect == isDirect && !$0.isSuperseded && !$0.isReturned
                && $0.messageIDHash == message.messageIDHash
                && $0.destination.routingKey(isDirect: isDirect).elementsEqual(message.routingKey)
        } _: {
            // Without another way (or with a queue name that fits no routing key) this was the last one.
            if directTemplate($0) == nil { $0.isReturned = true } else { $0.isSuperseded = true }
            found = $0
        }
        guard let found, let template = directTemplate(found) else { return }
        message.messageID.withUnsafeBytes { self.writeHeader(template, $0, body.count) }
        self.scratch.append(body)
        self.writeBody(self.scratch)
        self.scratch.removeAll()
        var again = found
        again.isSuperseded = false
        again.isDirect = true
        self.tracker.published(again)
    }

    private func settled(_ publication: Outstanding, isAccepted: Bool) {
        guard !publication.isSuperseded else { return }
        let outcome: PublicationOutcome
        if publication.isReturned {
            publication.destination.prefersDirect = false
            outcome = .refused(.destinationMissing)
        } else if isAccepted {
            // Bound with another key: the next messages need not bounce.
            publication.destination.prefersDirect = publication.isDirect
            outcome = .accepted
        } else {
            outcome = .refused(.refusedByBroker)
        }
        self.owner?.publisher(self, settled: publication.token, outcome)
    }
}

/// The header bytes of one destination, made once, and which way reaches it.
final class PreparedDestination {
    private let topic: PublicationTemplate?
    private let direct: PublicationTemplate?
    private let topicKey: [UInt8]
    private let directKey: [UInt8]
    /// Whether the queue is only reachable through the default exchange.
    var prefersDirect = false

    init(_ destination: Destination, exchange: String) {
        self.topicKey = Array(destination.actorName.utf8)
        self.directKey = Array(destination.queueName.utf8)
        // Nil when a name does not fit its field of 255 bytes.
        self.topic = try? PublicationTemplate(exchange: exchange, routingKey: destination.actorName, channel: 1)
        self.direct = try? PublicationTemplate(exchange: "", routingKey: destination.queueName, channel: 1)
    }

    func template(isDirect: Bool) -> PublicationTemplate? { isDirect ? self.direct : self.topic }
    func routingKey(isDirect: Bool) -> [UInt8] { isDirect ? self.directKey : self.topicKey }
}

extension CloseReason {
    /// The size in RabbitMQ's `message size 150000000 is larger than configured max size …`.
    fileprivate var refusedByteCount: Int? {
        guard let start = self.text.firstRange(of: "message size ") else { return nil }
        return Int(self.text[start.upperBound...].prefix { $0.isNumber })
    }
}
