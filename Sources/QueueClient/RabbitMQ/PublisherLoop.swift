internal import AMQP
import Glibc
internal import Logging
internal import Support

/// The publishing thread: takes whatever waits, writes it in one go, and collects confirms while more arrives.
///
/// Confined to its thread. Reconnects with back-off for as long as it lives; what was not confirmed before a connection
/// was lost is published again.
final class PublisherLoop {
    typealias Send = SendMailbox.Send

    /// Publications without confirm; beyond that the broker is the bottleneck and more would only be buffered.
    private static let windowCount = 2048
    /// Bytes handed to the library before confirms are looked at, so that both sides keep reading.
    private static let burstByteCount = 1 << 20
    /// A publication leaves at once when none is on its way. What comes while some are leaves together, this long after
    /// them: broker and gateway work a third less per message in such bursts than one by one.
    private static let gatheringNanoseconds: UInt64 = 3_000_000
    /// Longest sleep: heartbeats and deadlines are checked this often.
    private static let tickMilliseconds: Int32 = 250

    private let configuration: RabbitMQClientConfiguration
    private let mailbox: SendMailbox
    private let logger: Logger
    private var connection: BrokerConnection?
    private var ledger = PublicationLedger<Send>()
    private var waiting: [Send] = []
    private var probes: [CheckedContinuation<Void, any Error>] = []
    private var isBlocked = false
    /// When the next burst may leave although the broker has not confirmed the last.
    private var gatheredAt: UInt64 = 0
    private var isClosing = false
    private var backoff = Backoff(base: .milliseconds(200), cap: .seconds(5), jitter: 0.2)
    private var nextAttempt: UInt64 = 0
    private var lastFailure = "no connection yet"

    init(configuration: RabbitMQClientConfiguration, mailbox: SendMailbox, logger: Logger) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.logger = logger
    }

    /// Runs until the mailbox is closed and everything is settled.
    func run() {
        // One connection right away: the first send should not pay for it.
        while true {
            self.collect()
            if self.isClosing, self.waiting.isEmpty, self.ledger.isEmpty { break }
            self.expire()
            self.connectIfNeeded()
            self.answerProbes()
            self.exchangeWithBroker()
            self.sleep()
        }
        self.connection = nil
    }

    private func collect() {
        let (items, isClosed) = self.mailbox.take()
        self.isClosing = isClosed
        for item in items {
            switch item {
            case .send(let send): self.waiting.append(send)
            case .probe(let probe): self.probes.append(probe)
            }
        }
    }

    // MARK: Connection

    private func connectIfNeeded() {
        let now = MonotonicClock.nanoseconds()
        guard self.connection == nil, now >= self.nextAttempt || !self.probes.isEmpty else { return }
        do throws(BrokerConnection.Failure) {
            let connection = try BrokerConnection(
                self.configuration.url,
                name: self.configuration.connectionName
            )
            try connection.preparePublishing(exchange: self.configuration.exchange)
            self.connection = connection
            self.isBlocked = false
            self.backoff.reset()
            self.logger.info("Connected to RabbitMQ", metadata: ["broker": "\(self.configuration.url)"])
        } catch {
            self.lastFailure = error.text
            var generator = SystemRandomNumberGenerator()
            let delay = GoDuration(self.backoff.next(using: &generator)).nanoseconds
            self.nextAttempt = MonotonicClock.nanoseconds() + UInt64(max(0, delay))
            self.logger.warning("Cannot connect to RabbitMQ", metadata: ["error": "\(error.text)"])
        }
    }

    private func answerProbes() {
        for probe in self.probes {
            if self.connection != nil {
                probe.resume()
            } else {
                probe.resume(throwing: QueueClientError.unavailable(reason: self.lastFailure))
            }
        }
        self.probes.removeAll()
    }

    private func connectionFailed(_ failure: BrokerConnection.Failure) {
        if !failure.isChannelOnly { self.connection?.abandon() }
        self.connection = nil
        self.lastFailure = failure.text
        var unsettled = self.ledger.removeAll()
        if failure.isChannelOnly { self.settleCulprit(of: failure, in: &unsettled) }
        self.waiting = unsettled + self.waiting
        // At once: the connection was fine until now. Should it fail again, the back-off starts.
        self.nextAttempt = 0
        self.logger.warning("Lost the connection to RabbitMQ", metadata: ["error": "\(failure.text)"])
    }

    /// The broker closes the channel over one publication; publishing that again would close the next one too.
    private func settleCulprit(of failure: BrokerConnection.Failure, in sends: inout [Send]) {
        switch failure.code {
        case ReplyCode.preconditionFailed:
            guard let longest = sends.indices.max(by: { sends[$0].body.count < sends[$1].body.count }) else { return }
            let send = sends.remove(at: longest)
            let error = QueueClientError.messageTooLarge(
                queue: send.queueName,
                byteCount: send.body.count,
                reason: failure.text
            )
            send.completion(.failure(error))
        case ReplyCode.notFound: return  // The exchange was deleted; connecting declares it again.
        default:
            for send in sends {
                let error = QueueClientError.refused(queue: send.queueName, reason: failure.text)
                send.completion(.failure(error))
            }
            sends.removeAll()
        }
    }

    // MARK: Publishing

    private func exchangeWithBroker() {
        guard let connection = self.connection else { return }
        do throws(BrokerConnection.Failure) {
            while let event = try connection.nextEvent() { try self.handle(event) }
            if !self.isGathering { try self.publishWaiting(connection) }
        } catch {
            self.connectionFailed(error)
        }
    }

    private var isGathering: Bool { !self.ledger.isEmpty && MonotonicClock.nanoseconds() < self.gatheredAt }

    private func publishWaiting(_ connection: BrokerConnection) throws(BrokerConnection.Failure) {
        guard !self.waiting.isEmpty else { return }
        connection.holdPackets(self.waiting.count > 1)
        defer { connection.holdPackets(false) }
        self.gatheredAt = MonotonicClock.nanoseconds() + Self.gatheringNanoseconds
        var count = 0
        var byteCount = 0
        defer { self.waiting.removeFirst(count) }
        let limit = Self.windowCount - self.ledger.outstandingCount
        while !self.isBlocked, count < self.waiting.count, count < limit, byteCount < Self.burstByteCount {
            let send = self.waiting[count]
            count += 1
            byteCount += send.body.count
            self.ledger.published(
                send,
                messageID: send.messageID,
                deadline: send.deadline,
                isDirect: send.isDirect
            )
            try connection.publish(
                send.body,
                exchange: send.isDirect ? "" : self.configuration.exchange,
                routingKey: send.isDirect ? send.queueName : QueueName.routingKey(send.queueName),
                messageID: send.messageID
            )
        }
    }

    private func handle(_ event: BrokerConnection.Event) throws(BrokerConnection.Failure) {
        switch event {
        case .blocked:
            self.isBlocked = true
            self.logger.warning("RabbitMQ is short of resources and takes no messages")
        case .unblocked: self.isBlocked = false
        case .returned(let messageID, let isDirect): self.ledger.returned(messageID: messageID, isDirect: isDirect)
        case .confirm(let confirm):
            do throws(AMQPError) {
                for outcome in try self.ledger.confirmed(confirm) { self.settle(outcome) }
            } catch {
                throw .lost("\(error)")
            }
        }
    }

    private func settle(_ outcome: PublicationLedger<Send>.Outcome) {
        switch outcome {
        case .accepted(let send): send.completion(.success(()))
        case .retryDirectly(var send):
            send.isDirect = true
            self.waiting.append(send)
        case .missing(let send): send.completion(.failure(QueueClientError.queueMissing(send.queueName)))
        case .refused(let send):
            let error = QueueClientError.refused(queue: send.queueName, reason: "the broker answered basic.nack")
            send.completion(.failure(error))
        }
    }

    // MARK: Time

    private func expire() {
        let now = MonotonicClock.nanoseconds()
        let limit = GoDuration(self.configuration.sendTimeout).description
        for send in self.ledger.expire(now: now) {
            send.completion(.failure(QueueClientError.timedOut(queue: send.queueName, after: limit)))
        }
        guard self.waiting.contains(where: { $0.deadline <= now }) else { return }
        for send in self.waiting where send.deadline <= now {
            let error: QueueClientError =
                self.connection == nil
                ? .unavailable(reason: self.lastFailure)
                : .timedOut(queue: send.queueName, after: limit)
            send.completion(.failure(error))
        }
        self.waiting.removeAll { $0.deadline <= now }
    }

    /// Until the broker says something, somebody sends, or a tick is over.
    private func sleep() {
        guard let connection = self.connection else {
            return self.poll([self.mailbox.signal.descriptor], milliseconds: Self.tickMilliseconds)
        }
        if self.isGathering {
            // Sends and confirms come meanwhile without waking anybody.
            let rest = self.gatheredAt - min(self.gatheredAt, MonotonicClock.nanoseconds())
            usleep(UInt32(rest / 1000))
            return
        }
        let canPublish = !self.isBlocked && self.ledger.outstandingCount < Self.windowCount
        if canPublish, !self.waiting.isEmpty { return }
        let descriptors = [self.mailbox.signal.descriptor, connection.descriptor]
        self.poll(descriptors, milliseconds: Self.tickMilliseconds)
    }

    private func poll(_ descriptors: [Int32], milliseconds: Int32) {
        var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = Glibc.poll(&entries, nfds_t(entries.count), milliseconds)
    }
}

/// Reply codes of AMQP 0-9-1, 1.1.
enum ReplyCode {
    static let notFound: UInt16 = 404
    static let preconditionFailed: UInt16 = 406
}
