import AWS
import Sidecar
import Support

/// A message to delete.
struct Deletion {
    /// The receipt handle as JSON, with quotes.
    var handle: [UInt8]
    var attempt = 0
}

/// A message whose visibility is to change.
struct VisibilityChange {
    enum Purpose {
        case release
        case renewal(Receipt)
    }

    /// The receipt handle as JSON, with quotes.
    var handle: [UInt8]
    var seconds: Int
    var purpose: Purpose
}

/// The end of a delivery, and the leases until then.
extension SQSTransport {
    /// Failed deletions of single entries are tried again this often; after that the message comes again.
    private static let deletionAttempts = 3

    // MARK: Transport

    func acknowledge(_ receipt: Receipt) {
        guard let message = self.settled(receipt) else { return }
        self.deletes.add(Deletion(handle: message.handle), now: self.loop.now)
        guard !message.group.isEmpty else { return }
        self.groups.done(receipt.tag, in: message.group)
        self.deliverSoon()
    }

    func release(_ receipt: Receipt, after delay: Duration) {
        guard let message = self.settled(receipt) else { return }
        self.wentBack(receipt, message)
        let seconds = Int((delay.wholeNanoseconds + 999_999_999) / 1_000_000_000)
        self.visibilityChanges.add(
            VisibilityChange(handle: message.handle, seconds: seconds, purpose: .release),
            now: self.loop.now
        )
    }

    private func settled(_ receipt: Receipt) -> HeldMessage? {
        self.leases.settled(receipt)
        return self.held.removeValue(forKey: receipt.tag)
    }

    private func wentBack(_ receipt: Receipt, _ message: HeldMessage) {
        guard !message.group.isEmpty else { return }
        self.groups.wentBack(receipt.tag, in: message.group)
        self.oneByOneUntil = self.loop.now + Self.oneByOneTime
        self.deliverSoon()
    }

    // MARK: Deletes

    func makeDeleteCalls(now: MonotonicTime) {
        guard self.deletes.count > 0, let address = self.own.address else { return }
        while let entries = self.deletes.nextCall(now: now, isClosing: self.isClosing) {
            self.delete(entries, from: address)
        }
    }

    private func delete(_ entries: [Deletion], from address: QueueAddress) {
        let body = self.buffer()
        var writer = MessageRequestWriter(buffer: body)
        writer.beginBatch(queue: address)
        for (id, entry) in entries.enumerated() {
            entry.handle.withUnsafeBytes { writer.deletion(id: id, receiptHandle: $0) }
        }
        writer.endBatch()
        self.caller.call(.deleteMessageBatch, body: body) { [weak self] result in
            guard let self else { return }
            self.recycle(body)
            self.deletes.callEnded()
            self.forEachFailure(in: result, count: entries.count) { id, failure in
                self.deletionFailed(entries[id], failure)
            }
        }
    }

    private func deletionFailed(_ entry: Deletion, _ failure: RequestFailure) {
        if case .service = failure, RequestRetry.isTransient(failure), entry.attempt + 1 < Self.deletionAttempts,
            !self.isClosing
        {
            self.deletes.add(Deletion(handle: entry.handle, attempt: entry.attempt + 1), now: self.loop.now)
            return
        }
        self.warn("Cannot acknowledge a message, it will come again", queue: self.settings.queueName, failure)
    }

    /// Calls `body` for each entry of a batch that did not succeed; all of them when the call itself failed.
    func forEachFailure(
        in result: Result<[UInt8], RequestFailure>,
        count: Int,
        _ body: (_ id: Int, _ failure: RequestFailure) -> Void
    ) {
        self.forEachOutcome(in: result, count: count) { id, failure in
            if let failure { body(id, failure) }
        }
    }

    /// Calls `body` exactly once per entry of a batch. What the reply does not name has an unknown outcome.
    func forEachOutcome(
        in result: Result<[UInt8], RequestFailure>,
        count: Int,
        _ body: (_ id: Int, _ failure: RequestFailure?) -> Void
    ) {
        var isNamed = [Bool](repeating: false, count: count)
        var remaining = RequestFailure.malformedReply("the reply does not name the entry")
        switch result {
        case .failure(let failure):
            remaining = failure
        case .success(let bytes):
            bytes.withUnsafeBytes { reply in
                do throws(RequestFailure) {
                    try BatchReply.forEachEntry(of: reply) { id, error in
                        guard isNamed.indices.contains(id), !isNamed[id] else { return }
                        isNamed[id] = true
                        body(id, error.map { .service($0) })
                    }
                } catch {
                    remaining = error
                }
            }
        }
        for id in isNamed.indices where !isNamed[id] { body(id, remaining) }
    }

    // MARK: Changes of visibility

    func makeVisibilityCalls(now: MonotonicTime) {
        guard self.visibilityChanges.count > 0, let address = self.own.address else { return }
        while let entries = self.visibilityChanges.nextCall(now: now, isClosing: self.isClosing) {
            self.change(entries, in: address)
        }
    }

    private func change(_ entries: [VisibilityChange], in address: QueueAddress) {
        let body = self.buffer()
        var writer = MessageRequestWriter(buffer: body)
        writer.beginBatch(queue: address)
        for (id, entry) in entries.enumerated() {
            entry.handle.withUnsafeBytes { writer.visibilityChange(id: id, receiptHandle: $0, seconds: entry.seconds) }
        }
        writer.endBatch()
        let requestedAt = self.loop.now
        self.caller.call(.changeMessageVisibilityBatch, body: body) { [weak self] result in
            guard let self else { return }
            self.recycle(body)
            self.visibilityChanges.callEnded()
            self.forEachOutcome(in: result, count: entries.count) { id, failure in
                self.changed(entries[id], requestedAt: requestedAt, failure)
            }
        }
    }

    private func changed(_ entry: VisibilityChange, requestedAt: MonotonicTime, _ failure: RequestFailure?) {
        switch entry.purpose {
        case .release:
            guard let failure else { return }
            self.warn(
                "Cannot release a message, it will come again when its visibility timeout ends",
                queue: self.settings.queueName,
                failure
            )
        case .renewal(let receipt):
            guard let failure else {
                self.leases.renewed(receipt, requestedAt: requestedAt)
                self.leasesChanged(now: requestedAt)
                return
            }
            self.renewalFailed(receipt, failure)
        }
    }

    // MARK: Leases

    private func renewalFailed(_ receipt: Receipt, _ failure: RequestFailure) {
        guard self.leases.holds(receipt) else { return }
        let now = self.loop.now
        guard Self.isLost(failure) else {
            self.leases.renewalFailed(receipt, now: now)
            self.leaseCheckAt = min(self.leaseCheckAt, self.leases.nextDue ?? .distantFuture)
            self.warn(
                "Cannot extend the visibility timeout of a message, trying again",
                queue: self.settings.queueName,
                failure
            )
            return
        }
        self.lost(receipt, reason: "\(failure)")
    }

    /// Whether the delivery is no longer ours, whatever is tried.
    private static func isLost(_ failure: RequestFailure) -> Bool {
        guard case .service(let error) = failure else { return false }
        switch error.kind {
        case .receiptHandleInvalid, .messageNotInFlight, .queueDoesNotExist: return true
        default: return false
        }
    }

    private func lost(_ receipt: Receipt, reason: String) {
        guard let message = self.settled(receipt) else { return }
        self.wentBack(receipt, message)
        self.warn(
            "A message was lost to its queue before it was done, it will come again",
            queue: self.settings.queueName,
            reason
        )
        if let index = self.undelivered.firstIndex(where: { $0.receipt == receipt }), !self.isDelivering {
            self.undelivered.remove(at: index)
        } else {
            self.events?.deliveryForgotten(receipt)
        }
    }

    /// A lease was taken or renewed: look at it again when it has to be renewed.
    func leasesChanged(now: MonotonicTime) {
        let due = now + (.seconds(self.settings.visibilitySeconds) / 2 + self.leaseCheckSlack)
        self.leaseCheckAt = min(self.leaseCheckAt, due)
    }

    /// Renews what is due, drops what has ended.
    func checkLeases(now: MonotonicTime) {
        guard now >= self.leaseCheckAt else { return }
        while true {
            let renewals = self.leases.renewals(now: now)
            if renewals.isEmpty { break }
            for renewal in renewals {
                guard let handle = self.held[renewal.receipt.tag]?.handle else { continue }
                let seconds = max(1, Int(renewal.visibility.wholeNanoseconds / 1_000_000_000))
                self.visibilityChanges.add(
                    VisibilityChange(handle: handle, seconds: seconds, purpose: .renewal(renewal.receipt)),
                    now: now
                )
            }
        }
        for receipt in self.leases.ended(now: now) { self.lost(receipt, reason: "its visibility timeout has ended") }
        guard self.leases.count > 0 else {
            self.leaseCheckAt = .distantFuture
            return
        }
        // Ends are looked for even while nothing may be renewed.
        let due = self.leases.nextDue.map { max($0, now) + self.leaseCheckSlack } ?? .distantFuture
        self.leaseCheckAt = min(due, now + .seconds(self.settings.visibilitySeconds) / 2)
    }
}
