/// The visibility leases of the deliveries held on a transport that hides a received message for a limited time: which
/// of them have to be renewed now, which have ended.
///
/// Decides only; the transport sends the renewals and reports how they went. Time comes in as an argument. A lease is
/// counted from the moment its request was sent, so it ends here no later than in the queue.
///
/// ```
/// taken ─► held ─(renewAfter)─► renewing ─► held …        renewed
///            │                      ├─────► held           failed: tried again soon
///            │                      └─────► gone           lost: somebody else has the message
///            └─► gone (settled, or ended unrenewed)
/// ```
package struct LeaseTable {
    /// What the queue grants and what we ask of it.
    package struct Limits: Equatable {
        /// How long one request hides a message.
        package var visibility: Duration
        /// A lease is renewed when it is this old; half of `visibility` unless the queue's contract says otherwise.
        package var renewAfter: Duration
        /// Nothing is held longer than this in all, however often it would be renewed: what takes longer is stuck.
        package var maximumHold: Duration
        /// Renewals that fit one request.
        package var batchCount: Int

        package init(visibility: Duration, renewAfter: Duration? = nil, maximumHold: Duration, batchCount: Int) {
            precondition(visibility > .zero && maximumHold > .zero, "a lease has a duration")
            precondition(batchCount > 0, "a batch holds at least one renewal")
            self.visibility = visibility
            self.renewAfter = renewAfter ?? visibility / 2
            self.maximumHold = maximumHold
            self.batchCount = batchCount
        }
    }

    /// A request to hide a message for `visibility` from now on.
    package struct Renewal: Equatable {
        package var receipt: Receipt
        /// Shorter than usual when the longest hold is near.
        package var visibility: Duration
    }

    private struct Lease {
        let receipt: Receipt
        var end: MonotonicTime
        var holdEnd: MonotonicTime
        /// When a renewal may next be sent; not at all while one is under way.
        var due: MonotonicTime
        var isRenewing: Bool
    }

    /// How soon after a failed renewal another one is sent, as a part of `renewAfter`: several fit before the end.
    private static let retryDivisor = 8

    private let limits: Limits
    /// By tag, of which a transport never uses one twice.
    private var leases: [UInt64: Lease] = [:]
    /// False once nothing held can come to its end: nothing is renewed any more.
    package var isRuntimeAlive = true

    package init(limits: Limits) {
        self.limits = limits
    }

    /// Deliveries with a lease.
    package var count: Int { self.leases.count }

    package func holds(_ receipt: Receipt) -> Bool { self.leases[receipt.tag]?.receipt == receipt }

    /// A delivery was received. `requestedAt`: when the request that hid it was sent.
    package mutating func took(_ receipt: Receipt, requestedAt: MonotonicTime) {
        self.leases[receipt.tag] = Lease(
            receipt: receipt,
            end: requestedAt + self.limits.visibility,
            holdEnd: requestedAt + self.limits.maximumHold,
            due: requestedAt + self.limits.renewAfter,
            isRenewing: false
        )
    }

    /// Acknowledged, released or lost: its lease concerns nobody any more.
    package mutating func settled(_ receipt: Receipt) {
        guard self.holds(receipt) else { return }
        self.leases[receipt.tag] = nil
    }

    /// The next batch of renewals that are due, those that end first in front. They count as under way until
    /// `renewed` or `renewalFailed`; ask again until the answer is empty.
    package mutating func renewals(now: MonotonicTime) -> [Renewal] {
        guard self.isRuntimeAlive else { return [] }
        let due = self.leases.filter { Self.isDue($0.value, now: now) }
            .sorted { ($0.value.end, $0.key) < ($1.value.end, $1.key) }
            .prefix(self.limits.batchCount)
        return due.map { tag, lease in
            self.leases[tag]?.isRenewing = true
            return Renewal(receipt: lease.receipt, visibility: min(self.limits.visibility, lease.holdEnd - now))
        }
    }

    /// A renewal that was sent at `requestedAt` was granted.
    package mutating func renewed(_ receipt: Receipt, requestedAt: MonotonicTime) {
        guard self.holds(receipt), var lease = self.leases[receipt.tag] else { return }
        lease.end = min(requestedAt + self.limits.visibility, max(lease.holdEnd, lease.end))
        lease.due = requestedAt + self.limits.renewAfter
        lease.isRenewing = false
        self.leases[receipt.tag] = lease
    }

    /// A renewal failed for a reason that may pass.
    package mutating func renewalFailed(_ receipt: Receipt, now: MonotonicTime) {
        guard self.holds(receipt), var lease = self.leases[receipt.tag] else { return }
        lease.due = now + self.limits.renewAfter / Self.retryDivisor
        lease.isRenewing = false
        self.leases[receipt.tag] = lease
    }

    /// When `renewals` next has something to say; nil while nothing is renewed.
    package var nextDue: MonotonicTime? {
        guard self.isRuntimeAlive else { return nil }
        return self.leases.values.filter { !$0.isRenewing && $0.holdEnd > $0.end }.map(\.due).min()
    }

    /// Leases that have ended without a renewal, taken out of the table: the queue may deliver these messages again.
    package mutating func ended(now: MonotonicTime) -> [Receipt] {
        let ended = self.leases.values.filter { $0.end <= now }.map(\.receipt).sorted { $0.tag < $1.tag }
        for receipt in ended { self.leases[receipt.tag] = nil }
        return ended
    }

    /// A lease that reaches the longest hold already gains nothing from a renewal.
    private static func isDue(_ lease: Lease, now: MonotonicTime) -> Bool {
        !lease.isRenewing && lease.due <= now && lease.holdEnd > lease.end && lease.holdEnd > now
    }
}
