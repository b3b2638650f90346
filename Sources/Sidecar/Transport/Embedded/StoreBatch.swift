import LocalQueue

/// What the loop wants done in one transaction; deliveries are named by the tags of their receipts.
struct StoreBatch: Sendable {
    /// One delivery's results and its acknowledgement.
    struct StoredHop: Sendable {
        let tag: UInt64
        let publicationCount: Int
        var publications: [Publication] = []
        /// The pipeline's names of the publications, in order.
        var tokens: [UInt64] = []
        /// One of them is larger than the store takes: the hop is refused without being tried.
        var isTooLarge = false
    }

    struct Release: Sendable, Equatable {
        let tag: UInt64
        let delay: Duration
    }

    var hops: [StoredHop] = []
    var acknowledged: [UInt64] = []
    var released: [Release] = []
    var renewals: [LeaseTable.Renewal] = []
    var claim: QueueTransaction.Claim?

    /// Whether nothing in it changes the store.
    var settlesNothing: Bool {
        self.hops.isEmpty && self.acknowledged.isEmpty && self.released.isEmpty && self.renewals.isEmpty
    }

    var isEmpty: Bool { self.settlesNothing && self.claim == nil }

    /// Adds a publication to its hop; the publications of a hop follow one another closely, so the search is short.
    mutating func add(_ publication: Publication, token: UInt64, hop: Hop) {
        var index = self.hops.count - 1
        while index >= 0, self.hops[index].tag != hop.receipt.tag { index -= 1 }
        if index < 0 {
            self.hops.append(StoredHop(tag: hop.receipt.tag, publicationCount: hop.publicationCount))
            index = self.hops.count - 1
        }
        self.hops[index].publications.append(publication)
        self.hops[index].tokens.append(token)
        if publication.body.count > LocalQueue.largestBodyByteCount { self.hops[index].isTooLarge = true }
    }

    /// Takes out the hops that cannot be stored by anybody.
    mutating func takeTooLarge() -> [StoredHop] {
        guard self.hops.contains(where: \.isTooLarge) else { return [] }
        let tooLarge = self.hops.filter(\.isTooLarge)
        self.hops.removeAll(where: \.isTooLarge)
        return tooLarge
    }

    /// Puts back what must not get lost when a transaction failed: settlements are worth another attempt for ever,
    /// publications and renewals are the business of those who asked for them.
    mutating func restore(settlementsOf failed: StoreBatch) {
        self.acknowledged.insert(contentsOf: failed.acknowledged, at: 0)
        self.released.insert(contentsOf: failed.released, at: 0)
    }
}

/// What became of a `StoreBatch`.
struct StoreOutcome: Sendable {
    struct Arrival: Sendable {
        let tag: UInt64
        let body: [UInt8]
        let attempt: Int
    }

    /// In the order of the batch.
    var hops: [QueueTransactionResult.HopOutcome] = []
    /// Tags whose renewal was granted, and those that are no longer ours.
    var renewed: [UInt64] = []
    var lost: [UInt64] = []
    var arrivals: [Arrival] = []
    var queueExists = true
    var isMoreReady = false
    /// How long until a hidden message of the queue becomes visible.
    var nextVisibleAfter: Duration?
}

/// The store as the store thread sees it: translates tags to leases. Pure bookkeeping around one `LocalQueue`.
struct StoreSession: ~Copyable {
    private let queue: LocalQueue
    private var leases: [UInt64: Lease] = [:]
    private var nextTag: UInt64 = 1

    init(path: String, synchronous: LocalQueue.Synchronous) throws(LocalQueueError) {
        self.queue = try LocalQueue(path: path, options: LocalQueue.Options(synchronous: synchronous))
    }

    /// One transaction. When it throws, nothing has happened.
    mutating func perform(_ batch: StoreBatch) throws(LocalQueueError) -> StoreOutcome {
        var transaction = QueueTransaction()
        var outcome = StoreOutcome(hops: Array(repeating: .leaseLost, count: batch.hops.count))
        var hopIndices: [Int] = []
        for (index, hop) in batch.hops.enumerated() {
            guard let lease = self.leases[hop.tag] else { continue }
            hopIndices.append(index)
            transaction.hops.append(.init(lease: lease, publications: hop.publications))
        }
        transaction.acknowledgements = batch.acknowledged.compactMap { self.leases[$0] }
        transaction.releases = batch.released.compactMap { release in
            self.leases[release.tag].map {
                // Without delay means at a shutdown or for a narrower window: the handler has not seen it.
                .init(lease: $0, delay: release.delay, countsDelivery: release.delay > .zero)
            }
        }
        let renewals = batch.renewals.filter { self.leases[$0.receipt.tag] != nil }
        transaction.renewals = renewals.compactMap { renewal in
            self.leases[renewal.receipt.tag].map { .init(lease: $0, visibility: renewal.visibility) }
        }
        transaction.claim = batch.claim
        let result = try self.queue.commit(transaction)
        for (index, hopOutcome) in zip(hopIndices, result.hops) { outcome.hops[index] = hopOutcome }
        for (hop, hopOutcome) in zip(batch.hops, outcome.hops) where hopOutcome.endsDelivery { self.forget(hop.tag) }
        for tag in batch.acknowledged { self.forget(tag) }
        for release in batch.released { self.forget(release.tag) }
        for (renewal, lease) in zip(renewals, result.renewals) {
            self.leases[renewal.receipt.tag] = lease
            if lease == nil {
                outcome.lost.append(renewal.receipt.tag)
            } else {
                outcome.renewed.append(renewal.receipt.tag)
            }
        }
        for message in result.claimed {
            self.leases[self.nextTag] = message.lease
            outcome.arrivals.append(.init(tag: self.nextTag, body: message.body, attempt: message.attempt))
            self.nextTag += 1
        }
        outcome.queueExists = result.claimQueueExists
        outcome.isMoreReady = result.isMoreReady
        outcome.nextVisibleAfter = result.nextVisibleAt.map { .microseconds(max(0, $0 - LocalQueue.systemClock())) }
        return outcome
    }

    private mutating func forget(_ tag: UInt64) { self.leases[tag] = nil }

    /// True when there is more to do.
    func maintain() throws(LocalQueueError) -> Bool { try self.queue.maintain() }
}

extension QueueTransactionResult.HopOutcome {
    /// Whether the delivery is over for us.
    var endsDelivery: Bool {
        switch self {
        case .stored, .leaseLost: true
        case .destinationMissing: false
        }
    }

    /// In the pipeline's words.
    var publicationOutcome: PublicationOutcome {
        switch self {
        case .stored: .accepted
        case .destinationMissing: .refused(.destinationMissing)
        case .leaseLost: .refused(.deliveryLost)
        }
    }
}
