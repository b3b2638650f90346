import AWS
import Envelope
import Sidecar
import Support

/// The actor's own queue: its URL and the requests for it.
struct OwnQueue {
    var url = QueueURL()
    var address: QueueAddress?
    var retry: OwnQueueRetry
    /// When the queue is looked for again after a failure.
    var lookupDue: MonotonicTime?
    /// Whether the last call for it succeeded.
    var isReachable = false
    /// The receive requests by number of messages, written once per URL.
    private var requests: [Int: RequestBuffer] = [:]

    init(retry: OwnQueueRetry) {
        self.retry = retry
    }

    mutating func found(_ url: String) {
        self.url.found(url)
        self.address = QueueAddress(url: url)
        self.requests = [:]
        self.retry.succeeded()
        self.lookupDue = nil
    }

    mutating func request(for count: Int, at address: QueueAddress, settings: SQSSettings) -> RequestBuffer {
        if let known = self.requests[count] { return known }
        let options = ReceiveOptions(
            messageLimit: count,
            waitSeconds: settings.waitSeconds,
            visibilitySeconds: settings.visibilitySeconds
        )
        let buffer = RequestBuffer()
        buffer.append(options.requestBody(queue: address))
        self.requests[count] = buffer
        return buffer
    }
}

/// From the service to the pipeline.
extension SQSTransport {
    /// Beyond the long poll itself, for the way there and back.
    private static let receiveAllowance = Duration.seconds(15)

    // MARK: The own queue's URL

    /// Looks the own queue up when that is due. True when its URL is known.
    private func hasOwnQueue(now: MonotonicTime) -> Bool {
        if self.own.url.value != nil { return true }
        if let due = self.own.lookupDue, due > now { return false }
        guard self.own.url.needsLookup() else { return false }
        self.own.lookupDue = nil
        self.lookUp(self.settings.queueName) { [weak self] result in self?.lookedUpOwnQueue(result) }
        return false
    }

    private func lookedUpOwnQueue(_ result: Result<String, RequestFailure>) {
        switch result {
        case .success(let url):
            self.own.found(url)
            self.setReachable(true)
        case .failure(let failure):
            self.own.url.lookupFailed()
            self.setReachable(false)
            let delay = self.own.retry.failed()
            self.own.lookupDue = self.loop.now + delay
            self.warn("Cannot find the queue, trying again", queue: self.settings.queueName, failure)
        }
    }

    /// Asks for a queue's URL.
    func lookUp(_ queueName: String, done: @escaping (Result<String, RequestFailure>) -> Void) {
        let request = QueueRequest.queueURL(name: queueName)
        let body = self.buffer()
        body.removeAll()
        body.append(request.body)
        self.caller.call(request.action, body: body) { [weak self] result in
            guard let self else { return }
            self.recycle(body)
            done(
                result.flatMap { reply in
                    Result { () throws(RequestFailure) in
                        let url = try QueueReply.queueURL(reply)
                        let settings = self.settings
                        return settings.movesQueueURLs ? settings.endpoint.moved(queueURL: url) : url
                    }
                }
            )
        }
    }

    // MARK: Long polls

    func makeReceiveCalls(now: MonotonicTime) {
        guard let window = self.window, !self.isPaused, self.hasOwnQueue(now: now), let address = self.own.address
        else { return }
        while let count = self.poller.nextCall(
            window: window,
            heldCount: self.held.count,
            isOneByOne: now < self.oneByOneUntil,
            now: now
        ) {
            self.receive(count, from: address)
        }
    }

    private func receive(_ count: Int, from address: QueueAddress) {
        let body = self.own.request(for: count, at: address, settings: self.settings)
        let options = ServiceCaller.Options(
            timeout: .seconds(self.settings.waitSeconds) + Self.receiveAllowance,
            answerByteLimit: ReceiveReply.byteLimit,
            isStillWanted: { [weak self] in self?.window != nil }
        )
        self.caller.call(.receiveMessage, body: body, options: options) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let bytes): self.received(bytes, of: count, from: address)
            case .failure(let failure): self.receiveFailed(failure, count: count, address: address)
            }
        }
    }

    private func receiveFailed(_ failure: RequestFailure, count: Int, address: QueueAddress) {
        self.poller.failed(requested: count, now: self.loop.now, using: &self.random)
        self.own.url.refused(address.url)
        if !Self.isAnsweredAndPassing(failure) { self.setReachable(false) }
        guard self.window != nil else { return }
        self.warn("Cannot receive, trying again", queue: self.settings.queueName, failure)
    }

    /// Whether the service is there and only has too much to do.
    private static func isAnsweredAndPassing(_ failure: RequestFailure) -> Bool {
        guard case .service(let error) = failure else { return false }
        return error.kind == .throttled || error.kind == .serverFault || error.kind == .overLimit
    }

    private func received(_ bytes: [UInt8], of requested: Int, from address: QueueAddress) {
        var messages: [AWS.ReceivedMessage] = []
        swap(&messages, &self.messages)
        defer { swap(&messages, &self.messages) }
        var failure: RequestFailure?
        bytes.withUnsafeBytes { reply in
            do throws(RequestFailure) {
                try ReceiveReply.read(reply, into: &messages)
                self.decode(messages, in: reply)
            } catch {
                failure = error
            }
        }
        if let failure {
            self.receiveFailed(failure, count: requested, address: address)
            return
        }
        self.poller.received(messages.count, of: requested)
        self.setReachable(true)
        self.deliver()
    }

    /// Decodes the bodies of one reply into one slab and takes the messages into our hands.
    private func decode(_ messages: [AWS.ReceivedMessage], in reply: UnsafeRawBufferPointer) {
        guard !messages.isEmpty else { return }
        let slab = self.pool.slab(atLeast: messages.reduce(0) { $0 + $1.body.contents.count })
        var offset = 0
        let now = self.loop.now
        for message in messages {
            let room = UnsafeMutableRawBufferPointer(start: slab.base + offset, count: slab.capacity - offset)
            let count = message.body.decode(in: reply, into: room)
            let body = slab.slice(offset..<offset + count)
            guard message.matchesMD5(decodedBody: body.bytes, in: reply) else {
                // Left alone it comes again when its visibility ends.
                self.warn("Received message is damaged", queue: self.settings.queueName, "its MD5 differs")
                let group = self.group(of: message, in: reply)
                if !group.isEmpty { self.groups.wentBack(nil, in: group) }
                continue
            }
            offset += count
            self.take(message, body: body, in: reply, now: now)
        }
    }

    private func take(
        _ message: AWS.ReceivedMessage,
        body: ByteSlice,
        in reply: UnsafeRawBufferPointer,
        now: MonotonicTime
    ) {
        let receipt = Receipt(generation: Self.generation, tag: self.nextTag)
        self.nextTag += 1
        self.held[receipt.tag] = HeldMessage(
            handle: Array(reply[message.receiptHandle.range]),
            group: self.group(of: message, in: reply),
            identity: message.messageID.map { byteHash(UnsafeRawBufferPointer(rebasing: reply[$0.contents])) } ?? 0
        )
        self.leases.took(receipt, requestedAt: now)
        self.leasesChanged(now: now)
        self.undelivered.append(
            Delivery(
                body: body,
                receipt: receipt,
                previousDeliveries: message.receiveCount - 1,
                isRedelivered: message.receiveCount > 1,
                trace: message.traceHeaders(in: reply)
            )
        )
    }

    /// The message's group; empty when its queue is none of FIFO.
    private func group(of message: AWS.ReceivedMessage, in reply: UnsafeRawBufferPointer) -> [UInt8] {
        guard self.isFIFO else { return [] }
        var group: [UInt8] = []
        message.groupID?.appendDecoded(in: reply, to: &group)
        return group
    }

    /// Reports what waited for another message of its group, or gives it back.
    func deliverSoon() {
        guard !self.undelivered.isEmpty || self.groups.hasReturned else { return }
        self.loop.atTurnEnd { [weak self] in self?.deliver() }
    }

    /// Reports what was received, as long as the pipeline takes it.
    func deliver() {
        guard !self.isDelivering else { return }
        self.isDelivering = true
        defer { self.isDelivering = false }
        self.giveBackReturnedGroups()
        var index = 0
        var kept: [Delivery] = []
        while index < self.undelivered.count, !self.isPaused, self.window != nil {
            let delivery = self.undelivered[index]
            index += 1
            if self.isItsTurn(delivery) { self.events?.received(delivery) } else { kept.append(delivery) }
        }
        self.undelivered.replaceSubrange(..<min(index, self.undelivered.count), with: kept)
        // Nobody takes anything any more: what a last long poll has brought goes back.
        guard self.window == nil else { return }
        let left = self.undelivered
        self.undelivered = []
        for delivery in left { self.release(delivery.receipt, after: .zero) }
    }

    private func isItsTurn(_ delivery: Delivery) -> Bool {
        guard self.isFIFO, let group = self.held[delivery.receipt.tag]?.group, !group.isEmpty else { return true }
        return self.groups.begins(delivery.receipt.tag, in: group)
    }

    private func giveBackReturnedGroups() {
        guard self.groups.hasReturned else { return }
        let waiting = self.undelivered
        self.undelivered = []
        for delivery in waiting {
            let group = self.held[delivery.receipt.tag]?.group ?? []
            if !group.isEmpty, self.groups.hasReturned(group) {
                self.release(delivery.receipt, after: .zero)
            } else {
                self.undelivered.append(delivery)
            }
        }
        self.groups.gaveBack()
    }
}
