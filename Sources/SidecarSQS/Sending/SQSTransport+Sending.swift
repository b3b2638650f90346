import AWS
import Sidecar
import Support
import Traces

/// A message on its way to a queue.
struct OutgoingMessage {
    var body: [UInt8]
    var token: UInt64
    /// What goes beside the body.
    var trace: TraceHeaders?
    /// Where the queue needs one (FIFO).
    var placement: FIFOPlacement?

    /// What counts towards the limits of the service.
    var byteCount: Int { self.body.count + (self.trace?.attributeByteCount ?? 0) }
}

/// What the transport knows of one destination.
final class SQSDestination {
    /// Waiting for others at most 5 ms (`sidecar.md` 7.2). Calls at a time: rate × round trip / 10 is what is needed,
    /// so this is good for 8,000 messages/s at 10 ms.
    private static let linger = Duration.milliseconds(5)
    private static let callCount = 8

    let queueName: String
    var url = QueueURL()
    var address: QueueAddress?
    var entries: EntryQueue<OutgoingMessage>
    let isFIFO: Bool
    var isBusy = false

    init(queueName: String, batchByteLimit: Int) {
        self.queueName = queueName
        self.isFIFO = QueueAddress.isFIFO(queueName: queueName)
        self.entries = EntryQueue(
            limits: .init(
                byteCount: batchByteLimit,
                linger: Self.linger,
                // One call at a time keeps the order that such a queue is chosen for.
                callCount: self.isFIFO ? 1 : Self.callCount
            )
        )
    }
}

/// From the pipeline to the next queues.
extension SQSTransport {
    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        trace: TraceHeaders?,
        token: UInt64,
        hop: Hop
    ) {
        guard body.byteCount <= self.limits.messageByteLimit else {
            self.refuseLater(token, .tooLarge)
            return
        }
        let queue = self.prepared(destination)
        var message = OutgoingMessage(body: body.copied(), token: token)
        if let trace, body.byteCount + trace.attributeByteCount <= self.limits.messageByteLimit {
            message.trace = trace
        }
        if queue.isFIFO { message.placement = self.placement(of: message.body, messageID: messageID, hop: hop) }
        self.waitingByteCount += message.byteCount
        queue.entries.add(message, byteCount: message.byteCount, now: self.loop.now)
        if !queue.isBusy {
            queue.isBusy = true
            self.busyDestinations.append(queue)
        }
    }

    /// In the group of the delivery that the message is derived from, as long as we hold that.
    private func placement(of body: [UInt8], messageID: UnsafeRawBufferPointer, hop: Hop) -> FIFOPlacement {
        let source = self.held[hop.receipt.tag]
        return body.withUnsafeBytes { body in
            guard let group = source?.group, !group.isEmpty else {
                return FIFOPlacement(group: messageID, source: source?.identity, body: body)
            }
            return group.withUnsafeBytes { FIFOPlacement(group: $0, source: source?.identity, body: body) }
        }
    }

    private func prepared(_ destination: Destination) -> SQSDestination {
        if let known = destination.prepared as? SQSDestination { return known }
        let fresh = SQSDestination(queueName: destination.queueName, batchByteLimit: self.limits.batchByteLimit)
        destination.prepared = fresh
        return fresh
    }

    private func refuseLater(_ token: UInt64, _ failure: PublicationFailure) {
        self.loop.atTurnEnd { [weak self] in
            self?.events?.publicationSettled(token: token, outcome: .refused(failure))
        }
    }

    // MARK: Calls

    func makeSendCalls(now: MonotonicTime) {
        guard !self.busyDestinations.isEmpty else { return }
        for destination in self.busyDestinations {
            guard let address = destination.address, destination.url.value != nil else {
                self.lookUpIfNeeded(destination)
                continue
            }
            while let messages = destination.entries.nextCall(now: now, isClosing: self.isClosing) {
                self.send(messages, to: destination, at: address)
            }
        }
        self.busyDestinations.removeAll { destination in
            destination.isBusy = !destination.entries.isIdle
            return !destination.isBusy
        }
    }

    private func lookUpIfNeeded(_ destination: SQSDestination) {
        guard destination.entries.count > 0, destination.url.needsLookup() else { return }
        self.lookUp(destination.queueName) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let url):
                destination.url.found(url)
                destination.address = QueueAddress(url: url)
            case .failure(let failure):
                destination.url.lookupFailed()
                self.refuseWaiting(of: destination, failure)
            }
        }
    }

    /// The queue cannot be found: what waits for it is refused, and the pipeline decides about another attempt.
    private func refuseWaiting(of destination: SQSDestination, _ failure: RequestFailure) {
        while let messages = destination.entries.nextCall(now: self.loop.now, isClosing: true) {
            destination.entries.callEnded()
            for message in messages { self.settle(message, failure, of: destination) }
        }
    }

    private func send(_ messages: [OutgoingMessage], to destination: SQSDestination, at address: QueueAddress) {
        let body = self.buffer()
        var writer = MessageRequestWriter(buffer: body)
        let isAlone = messages.count == 1 && messages[0].byteCount > self.limits.batchByteLimit
        if isAlone { writer.beginSingle(queue: address) } else { writer.beginBatch(queue: address) }
        var sent: [OutgoingMessage] = []
        sent.reserveCapacity(messages.count)
        for message in messages {
            do throws(MessageCharacterError) {
                try Self.write(message, id: sent.count, isAlone: isAlone, to: &writer)
                sent.append(message)
            } catch {
                self.warn("Message cannot be sent", queue: destination.queueName, error)
                self.waitingByteCount -= message.byteCount
                self.refuseLater(message.token, .notCarried)
            }
        }
        guard !sent.isEmpty else {
            destination.entries.callEnded()
            return
        }
        if !isAlone { writer.endBatch() }
        self.caller.call(isAlone ? .sendMessage : .sendMessageBatch, body: body) { [weak self] result in
            guard let self else { return }
            self.recycle(body)
            destination.entries.callEnded()
            self.sent(sent, isAlone: isAlone, to: destination, result)
        }
    }

    private static func write(
        _ message: OutgoingMessage,
        id: Int,
        isAlone: Bool,
        to writer: inout MessageRequestWriter
    ) throws(MessageCharacterError) {
        if !isAlone { writer.beginMessage(id: id) }
        var failure: MessageCharacterError?
        message.body.withUnsafeBytes { bytes in
            do throws(MessageCharacterError) {
                try writer.body(bytes)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        if isAlone {
            try writer.endSingle(trace: message.trace, fifo: message.placement)
        } else {
            try writer.endMessage(trace: message.trace, fifo: message.placement)
        }
    }

    // MARK: Answers

    private func sent(
        _ messages: [OutgoingMessage],
        isAlone: Bool,
        to destination: SQSDestination,
        _ result: Result<[UInt8], RequestFailure>
    ) {
        if isAlone, case .success = result {
            self.settle(messages[0], nil, of: destination)
            return
        }
        if case .failure(.service(let error)) = result, error.kind == .batchTooLong {
            // Where the service does not name its limit, half of what was too much comes closer to it each time.
            let byteCount = messages.reduce(0) { $0 + $1.byteCount }
            destination.entries.lowerByteLimit(to: error.byteLimit ?? byteCount / 2)
        }
        self.forEachOutcome(in: result, count: messages.count) { id, failure in
            self.settle(messages[id], failure, of: destination)
        }
    }

    private func settle(_ message: OutgoingMessage, _ failure: RequestFailure?, of destination: SQSDestination) {
        self.waitingByteCount -= message.byteCount
        guard let failure else {
            self.events?.publicationSettled(token: message.token, outcome: .accepted)
            return
        }
        if case .service(let error) = failure { self.learn(from: error, destination) }
        self.warn("Message was not accepted", queue: destination.queueName, failure)
        let outcome = PublicationFailure(failure, message, limits: self.limits)
        self.events?.publicationSettled(token: message.token, outcome: .refused(outcome))
    }

    private func learn(from error: SQSError, _ destination: SQSDestination) {
        self.limits.learn(from: error)
        if error.kind == .queueDoesNotExist, let url = destination.url.value { destination.url.refused(url) }
    }
}

extension PublicationFailure {
    /// What a failed call means for one message of it (`sidecar.md` 5.3).
    init(_ failure: RequestFailure, _ message: OutgoingMessage, limits: SQSLimits) {
        guard case .service(let error) = failure else {
            // No answer, or one that cannot be read: the message may have been accepted.
            self = .connectionLost
            return
        }
        switch error.kind {
        case .queueDoesNotExist, .queueDeletedRecently:
            self = .destinationMissing
        case .messageTooLong:
            // The limit has just been learnt: the next attempt leaves the trace out if the body fits without it.
            let fits = message.body.count <= limits.messageByteLimit && message.byteCount > limits.messageByteLimit
            self = fits ? .refusedByBroker : .tooLarge
        case .invalidMessageContents:
            self = .notCarried
        case .batchTooLong:
            // Alone it fits, unless it is larger than a whole batch may be.
            self = message.byteCount > limits.batchByteLimit ? .tooLarge : .refusedByBroker
        case .throttled, .serverFault, .expiredToken, .invalidCredentials, .signatureMismatch, .clockSkew,
            .accessDenied, .encryptionKeyUnusable, .overLimit, .queueNameExists, .receiptHandleInvalid,
            .messageNotInFlight, .purgeInProgress, .rejected:
            self = .refusedByBroker
        }
    }
}
