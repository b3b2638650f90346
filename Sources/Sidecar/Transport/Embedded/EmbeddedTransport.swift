import LocalQueue
import Logging
import Support
import Traces

/// Durable queues of one machine behind the `Transport` seam: one SQLite file shared by all sidecars.
///
/// Lives on the loop thread; the file belongs to `StoreThread`. One transaction is under way at a time. What the
/// pipeline says meanwhile (hops, settlements) is the next one, so batches grow by themselves with the load, and every
/// transaction also claims what there is room for. Idle, it waits for the queue's bell and looks once per second.
final class EmbeddedTransport: Transport {
    /// How long a store that failed (full disk, lock) is left alone.
    private static let failureBackoff = Backoff(base: .milliseconds(100), cap: .seconds(2), jitter: 0.2)
    private static let renewalBatchCount = 1000

    let configuration: EmbeddedConfiguration
    let loop: EventLoop
    private let metrics: SidecarMetrics
    let logger: Logger
    let bell: QueueBell
    private var random = SystemRandomNumberGenerator()
    var phase = TransportPhase.idle
    private var store: StoreThread?
    private var wakeup: Wakeup?
    var bellPoll: DescriptorPoll?
    var lookTimer: LoopTimer?
    var leaseTimer: LoopTimer?
    private var retryTimer: LoopTimer?
    private var closeTimer: LoopTimer?
    private var packer: BodyPacker

    var staged = StoreBatch()
    /// When the transaction under way was handed over; nil while there is none.
    private var submittedAt: MonotonicTime?
    private var arrived: [ReceivedMessage] = []
    var leases: LeaseTable
    var window: Int?
    private var isPaused = false
    /// Something says that a look into the queue is worth a transaction of its own.
    var isLookDue = false
    private var failureBackoff = EmbeddedTransport.failureBackoff
    var queueBackoff: Backoff
    /// The store failed, and it is too early to try again.
    private var isWaitingToRetry = false
    /// A transaction that wanted to write has failed, and none has succeeded since.
    private var owesWrite = false
    /// The last transaction succeeded, as far as it says that the store can be written.
    private(set) var isConnected = false
    private var couldPublish = false
    /// The store thread was told to end.
    private var isEndingThread = false

    unowned var events: (any TransportEvents)?

    init(
        loop: EventLoop,
        pool: SlabPool,
        configuration: EmbeddedConfiguration,
        metrics: SidecarMetrics,
        logger: Logger
    ) throws(LoopError) {
        self.loop = loop
        self.configuration = configuration
        self.metrics = metrics
        self.logger = logger
        self.bell = QueueBell(path: configuration.path)
        self.packer = BodyPacker(pool: pool)
        self.queueBackoff = Backoff(
            base: configuration.queueBackoff,
            cap: max(configuration.queueBackoff, .seconds(30))
        )
        self.leases = LeaseTable(
            limits: .init(
                visibility: configuration.visibility,
                maximumHold: configuration.maximumHold,
                batchCount: Self.renewalBatchCount
            )
        )
        let wakeup = try Wakeup(loop: loop) { [weak self] in self?.answered() }
        self.wakeup = wakeup
        self.store = StoreThread(path: configuration.path, synchronous: configuration.synchronous, wakeup: wakeup)
        self.lookTimer = try LoopTimer(loop: loop) { [unowned self] in self.isLookDue = true }
        self.leaseTimer = try LoopTimer(loop: loop) { [unowned self] in self.renewLeases() }
        self.retryTimer = try LoopTimer(loop: loop) { [unowned self] in self.retry() }
        self.closeTimer = try LoopTimer(loop: loop) { [unowned self] in self.closed(isOrderly: false) }
    }

    // MARK: Transport

    let groupsHops = true
    let canDelayRelease = true
    /// The store counts deliveries and moves messages away by itself, but by its own limit, not by the pipeline's.
    let deadLettersByItself = false
    // Every reader of such a queue reads envelopes.
    let carriesTraces = false
    /// True again as soon as it is worth another attempt; `isConnected` waits for the success.
    var canPublish: Bool {
        guard case .running = self.phase else { return false }
        return !self.isWaitingToRetry
    }

    func start() {
        self.phase = .starting(attempt: 0)
        guard let store = self.store, store.start() else {
            self.loop.atTurnEnd { [weak self] in self?.failed("the system has no thread for the queue file") }
            return
        }
        store.post(.open)
    }

    func startReceiving(window: Int) {
        self.window = window
        self.isLookDue = true
        self.listen()
    }

    func setWindow(_ messageCount: Int) {
        guard let old = self.window else { return }
        self.window = messageCount
        if messageCount > old { self.isLookDue = true }
    }

    func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        guard !isPaused else { return }
        self.isLookDue = true
        if !self.arrived.isEmpty { self.loop.atTurnEnd { [weak self] in self?.reportArrived() } }
    }

    func stopReceiving() {
        self.window = nil
        self.isPaused = false
        self.lookTimer?.stop()
        self.bellPoll?.stop()
        self.bellPoll = nil
        for message in self.arrived { self.release(message.receipt, after: .zero) }
        self.arrived = []
    }

    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        trace: TraceHeaders?,
        token: UInt64,
        hop: Hop
    ) {
        let publication = Publication(
            queueName: destination.queueName,
            envelopeID: String(decoding: messageID, as: UTF8.self),
            body: body.copied(),
            isDeadLetter: destination.isDirect
        )
        self.staged.add(publication, token: token, hop: hop)
    }

    func acknowledge(_ receipt: Receipt) {
        // A hop that was stored has taken its delivery with it.
        guard self.leases.holds(receipt) else { return }
        self.leases.settled(receipt)
        self.staged.acknowledged.append(receipt.tag)
    }

    func release(_ receipt: Receipt, after delay: Duration) {
        guard self.leases.holds(receipt) else { return }
        self.leases.settled(receipt)
        self.staged.released.append(.init(tag: receipt.tag, delay: delay))
    }

    func setRuntimeAlive(_ isAlive: Bool) {
        self.leases.isRuntimeAlive = isAlive
    }

    func close(limit: Duration) {
        switch self.phase {
        case .closing, .closed: return
        case .idle, .starting, .running: break
        }
        self.stopReceiving()
        self.phase = .closing
        self.leaseTimer?.stop()
        self.closeTimer?.start(after: limit)
        // A store that has to be waited for is not waited for any more.
        self.isWaitingToRetry = false
        self.loop.atTurnEnd { [weak self] in self?.closeWhenNothingIsLeft() }
    }

    // MARK: Handing over

    /// Hands the batch to the store unless it is still busy with the one before.
    func flush() {
        guard self.submittedAt == nil, !self.isWaitingToRetry, !self.isEndingThread, self.isOpen else { return }
        self.refuseTooLarge()
        self.staged.claim = self.nextClaim
        guard !self.staged.isEmpty else { return }
        self.isLookDue = false
        self.submit()
    }

    private var isOpen: Bool {
        switch self.phase {
        case .running, .closing: true
        case .idle, .starting, .closed: false
        }
    }

    private func submit() {
        let batch = self.staged
        for hop in batch.hops {
            precondition(hop.publications.count == hop.publicationCount, "the publications of a hop come together")
        }
        self.staged = StoreBatch()
        self.submittedAt = self.loop.now
        self.store?.post(.perform(batch))
    }

    /// How much to claim: with whatever else is to be done always, alone only when there is reason to look.
    private var nextClaim: QueueTransaction.Claim? {
        guard let window = self.window, !self.isPaused, case .running = self.phase else { return nil }
        guard self.isLookDue || !self.staged.settlesNothing else { return nil }
        let room = max(0, window - self.leases.count)
        guard room > 0 || !self.staged.hops.isEmpty else { return nil }
        var claim = QueueTransaction.Claim(
            queueName: self.configuration.queueName,
            messageCount: room,
            byteCount: self.configuration.claimByteCount,
            visibility: self.configuration.visibility
        )
        // Beyond a window that became narrower, what is stored makes no room.
        claim.replacesStoredHops = self.leases.count <= window
        return claim
    }

    private func refuseTooLarge() {
        let tooLarge = self.staged.takeTooLarge()
        guard !tooLarge.isEmpty else { return }
        self.loop.atTurnEnd { [weak self] in
            for hop in tooLarge { self?.answer(hop, .refused(.tooLarge)) }
        }
    }

    // MARK: Answers

    private func answered() {
        guard let store = self.store else { return }
        for answer in store.takeAnswers() {
            switch answer {
            case .opened: self.opened()
            case .performed(let batch, let outcome): self.performed(batch, outcome)
            case .failed(.open, let error): self.openingFailed(error)
            case .failed(let request, let error): self.performingFailed(request, error)
            case .closed: self.closed(isOrderly: true)
            }
        }
    }

    private func performed(_ batch: StoreBatch, _ outcome: StoreOutcome) {
        let requestedAt = self.submittedAt ?? self.loop.now
        self.submittedAt = nil
        self.succeeded(hasWritten: !batch.settlesNothing || !outcome.arrivals.isEmpty)
        for (hop, hopOutcome) in zip(batch.hops, outcome.hops) {
            if hopOutcome.endsDelivery { self.leases.settled(Self.receipt(hop.tag)) }
            self.answer(hop, hopOutcome.publicationOutcome)
        }
        for tag in outcome.renewed { self.leases.renewed(Self.receipt(tag), requestedAt: requestedAt) }
        for tag in outcome.lost { self.lost(Self.receipt(tag)) }
        self.receive(outcome, requestedAt: requestedAt)
        if batch.claim != nil { self.lookAgain(after: outcome) }
        self.closeWhenNothingIsLeft()
    }

    private func answer(_ hop: StoreBatch.StoredHop, _ outcome: PublicationOutcome) {
        for token in hop.tokens { self.events?.publicationSettled(token: token, outcome: outcome) }
    }

    private func receive(_ outcome: StoreOutcome, requestedAt: MonotonicTime) {
        for arrival in outcome.arrivals {
            let receipt = Self.receipt(arrival.tag)
            self.leases.took(receipt, requestedAt: requestedAt)
            self.arrived.append(
                ReceivedMessage(
                    body: self.packer.slice(copying: arrival.body),
                    receipt: receipt,
                    previousDeliveries: arrival.attempt - 1,
                    isRedelivered: arrival.attempt > 1
                )
            )
        }
        self.packer.finish()
        if self.window == nil {
            // Claimed by a transaction that was under way when receiving ended.
            for message in self.arrived { self.release(message.receipt, after: .zero) }
            self.arrived = []
        }
        self.reportArrived()
        self.watchLeases()
    }

    private func reportArrived() {
        var next = 0
        while next < self.arrived.count, !self.isPaused {
            self.events?.received(self.arrived[next])
            next += 1
        }
        self.arrived.removeFirst(min(next, self.arrived.count))
    }

    /// Somebody else has the message, or will have it.
    private func lost(_ receipt: Receipt) {
        guard self.leases.holds(receipt) else { return }
        self.leases.settled(receipt)
        self.arrived.removeAll { $0.receipt == receipt }
        self.events?.deliveryForgotten(receipt)
    }

    /// The tags of one process are never used twice, so there is one generation.
    private static func receipt(_ tag: UInt64) -> Receipt { Receipt(generation: 1, tag: tag) }

    // MARK: Life

    private func opened() {
        guard case .starting = self.phase else {
            self.closeWhenNothingIsLeft()
            return
        }
        self.phase = .running
        self.succeeded(hasWritten: false)
        self.events?.transportStarted()
    }

    private func openingFailed(_ error: LocalQueueError) {
        guard case .starting(let attempt) = self.phase else {
            self.closeWhenNothingIsLeft()
            return
        }
        // As with a broker that does not answer: others may have the file locked.
        guard error.isPassing, attempt < TransportPhase.startDelays.count else {
            self.failed(error.description)
            return
        }
        self.logger.warning(
            "Cannot open the queue file, trying again",
            metadata: ["attempt": "\(attempt + 1)", "error": "\(error)"]
        )
        self.phase = .starting(attempt: attempt + 1)
        self.retryTimer?.start(after: TransportPhase.startDelays[attempt])
    }

    private func performingFailed(_ request: StoreThread.Request, _ error: LocalQueueError) {
        guard case .perform(let batch) = request else { return }
        self.submittedAt = nil
        self.staged.restore(settlementsOf: batch)
        let now = self.loop.now
        for renewal in batch.renewals { self.leases.renewalFailed(renewal.receipt, now: now) }
        self.isLookDue = self.isLookDue || batch.claim != nil
        guard error.isPassing else {
            for hop in batch.hops { self.answer(hop, .refused(.refusedByBroker)) }
            self.failed(error.description)
            return
        }
        // Once per failure, not once per attempt.
        if self.failureBackoff.attemptCount == 0 {
            self.logger.warning("The queue file cannot be used, trying again", metadata: ["error": "\(error)"])
        }
        self.owesWrite = self.owesWrite || !batch.settlesNothing
        self.isConnected = false
        self.metrics.transportConnected.set(0)
        if case .running = self.phase {
            self.isWaitingToRetry = true
            self.retryTimer?.start(after: self.failureBackoff.next(using: &self.random))
        }
        self.announceAvailability()
        for hop in batch.hops { self.answer(hop, .refused(.refusedByBroker)) }
        self.closeWhenNothingIsLeft()
    }

    private func retry() {
        if case .starting = self.phase {
            self.store?.post(.open)
            return
        }
        self.isWaitingToRetry = false
        self.isLookDue = true
        self.announceAvailability()
    }

    private func succeeded(hasWritten: Bool) {
        if hasWritten { self.owesWrite = false }
        guard !self.owesWrite else { return }
        if self.failureBackoff.attemptCount > 0 {
            self.failureBackoff.reset()
            self.metrics.transportReconnects.increment()
            self.logger.info("The queue file can be used again")
        }
        guard !self.isConnected else { return }
        self.isConnected = true
        self.metrics.transportConnected.set(1)
        self.announceAvailability()
    }

    private func announceAvailability() {
        guard self.canPublish != self.couldPublish else { return }
        self.couldPublish = self.canPublish
        self.events?.publishingAvailabilityChanged()
    }

    /// Nothing can help any more.
    private func failed(_ reason: String) {
        self.isConnected = false
        self.metrics.transportConnected.set(0)
        self.events?.transportFailedToStart(reason: reason)
    }

    /// After the last transaction the file is closed, after that the thread ends.
    private func closeWhenNothingIsLeft() {
        guard case .closing = self.phase, self.submittedAt == nil, !self.isEndingThread else { return }
        self.staged.claim = nil
        self.staged.renewals = []
        // Of a store that has just failed the leases tell everything that a settlement could.
        if !self.staged.isEmpty, self.isConnected {
            self.submit()
            return
        }
        self.isEndingThread = true
        guard let store = self.store, store.isRunning else {
            self.closed(isOrderly: false)
            return
        }
        store.post(.close)
    }

    private func closed(isOrderly: Bool) {
        guard case .closing = self.phase else { return }
        self.phase = .closed
        self.closeTimer?.stop()
        self.retryTimer?.stop()
        // A thread that is stuck in the file system keeps itself, the wake-up and the file; the process ends anyway.
        if isOrderly { self.store?.join() }
        self.events?.transportClosed()
    }
}
