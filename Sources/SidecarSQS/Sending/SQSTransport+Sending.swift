import AWS
import Sidecar
import Support

/// A message on its way to a queue.
struct OutgoingMessage {
    var body: [UInt8]
    var token: UInt64
    /// The envelope's id, where the queue needs one (FIFO).
    var messageID: [UInt8]
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
        self.isFIFO = queueName.hasSuffix(".fifo")
        self.entries = EntryQueue(
            limits: .init(
                byteCount: batchByteLimit,
                linger: Self.linger,
                // One call at a time keeps the order that such a queue is chosen for.
                callCount: queueName.hasSuffix(".fifo") ? 1 : Self.callCount
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
        token: UInt64,
        hop: Hop
    ) {
        guard body.byteCount <= self.limits.messageByteLimit else {
            self.refuseLater(token, .tooLarge)
            return
        }
        let queue = self.prepared(destination)
        let message = OutgoingMessage(
            body: [UInt8](unsafeUninitializedCapacity: body.byteCount) { bytes, count in
                let target = UnsafeMutableRawBufferPointer(bytes)
                for piece in body.pieces {
                    UnsafeMutableRawBufferPointer(rebasing: target[count...]).copyMemory(from: piece.bytes)
                    count += piece.count
                }
            },
            token: token,
            messageID: queue.isFIFO ? Array(messageID) : []
        )
        self.waitingByteCount += message.body.count
        queue.entries.add(message, byteCount: message.body.count, now: self.loop.now)
        if !queue.isBusy {
            queue.isBusy = true
            self.busyDestinations.append(queue)
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
        let isAlone = messages.count == 1 && messages[0].body.count > self.limits.batchByteLimit
        if isAlone { writer.beginSingle(queue: address) } else { writer.beginBatch(queue: address) }
        var sent: [OutgoingMessage] = []
        sent.reserveCapacity(messages.count)
        for message in messages {
            do throws(MessageCharacterError) {
                try Self.write(message, id: sent.count, isAlone: isAlone, isFIFO: destination.isFIFO, to: &writer)
                sent.append(message)
            } catch {
                self.warn("Message cannot be sent", queue: destination.queueName, error)
                self.waitingByteCount -= message.body.count
                self.refuseLater(message.token, .tooLarge)
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
        isFIFO: Bool,
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
        let placement = isFIFO ? Self.placement(of: message) : nil
        if isAlone { try writer.endSingle(fifo: placement) } else { try writer.endMessage(fifo: placement) }
    }

    private static func placement(of message: OutgoingMessage) -> FIFOPlacement {
        message.messageID.withUnsafeBytes { id in
            message.body.withUnsafeBytes { FIFOPlacement(messageID: id, body: $0) }
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
            let byteCount = messages.reduce(0) { $0 + $1.body.count }
            destination.entries.lowerByteLimit(to: error.byteLimit ?? byteCount / 2)
        }
        self.forEachOutcome(in: result, count: messages.count) { id, failure in
            self.settle(messages[id], failure, of: destination)
        }
    }

    private func settle(_ message: OutgoingMessage, _ failure: RequestFailure?, of destination: SQSDestination) {
        self.waitingByteCount -= message.body.count
        guard let failure else {
            self.events?.publicationSettled(token: message.token, outcome: .accepted)
            return
        }
        if case .service(let error) = failure { self.learn(from: error, destination) }
        self.warn("Message was not accepted", queue: destination.queueName, failure)
        let outcome = PublicationFailure(failure, byteCount: message.body.count, limits: self.limits)
        self.events?.publicationSettled(token: message.token, outcome: .refused(outcome))
    }

    private func learn(from error: SQSError, _ destination: SQSDestination) {
        self.limits.learn(from: error)
        if error.kind == .queueDoesNotExist, let url = destination.url.value { destination.url.refused(url) }
    }
}

extension PublicationFailure {
    /// What a failed call means for one message of it (`sidecar.md` 5.3).
    init(_ failure: RequestFailure, byteCount: Int, limits: SQSLimits) {
        guard case .service(let error) = failure else {
            // No answer, or one that cannot be read: the message may have been accepted.
            self = .connectionLost
            return
        }
        switch error.kind {
        case .queueDoesNotExist, .queueDeletedRecently:
            self = .destinationMissing
        case .messageTooLong, .invalidMessageContents:
            self = .tooLarge
        case .batchTooLong:
            // Alone it fits, unless it is larger than a whole batch may be.
            self = byteCount > limits.batchByteLimit ? .tooLarge : .refusedByBroker
        case .throttled, .serverFault, .expiredToken, .invalidCredentials, .signatureMismatch, .clockSkew,
            .accessDenied, .encryptionKeyUnusable, .overLimit, .queueNameExists, .receiptHandleInvalid,
            .messageNotInFlight, .purgeInProgress, .rejected:
            self = .refusedByBroker
        }
    }
}
