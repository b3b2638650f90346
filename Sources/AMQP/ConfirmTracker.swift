/// Publications without the broker's word, in the order of their tags (1, 2, 3 … per channel in confirm mode). Pure.
///
/// Inlinable, so that the transport gets code made for its own type of publication instead of generic code.
///
/// Invariant: `entries[head + i]` has tag `firstTag + i`. A confirm with `multiple` settles a range.
public struct ConfirmTracker<Publication> {
    @usableFromInline
    struct Entry {
        @usableFromInline var publication: Publication
        @usableFromInline var isSettled = false

        @usableFromInline
        init(publication: Publication) { self.publication = publication }
    }

    @usableFromInline var entries: [Entry] = []
    @usableFromInline var head = 0
    @usableFromInline var firstTag: UInt64 = 1

    /// A channel on which nothing was published.
    @inlinable public init() {}

    /// Publications without an answer.
    @inlinable public var outstandingCount: Int {
        var count = 0
        for index in self.head..<self.entries.count where !self.entries[index].isSettled { count += 1 }
        return count
    }

    /// Whether nothing waits for an answer.
    @inlinable public var isEmpty: Bool { self.head == self.entries.count }

    /// A publication was written.
    @inlinable public mutating func published(_ publication: Publication) {
        self.entries.append(Entry(publication: publication))
    }

    /// The broker answered; `settle` gets each publication that had no answer yet, in order.
    @inlinable public mutating func confirmed(
        _ confirm: ConfirmMethod,
        settle: (Publication) -> Void
    ) throws(AMQPError) {
        let next = self.firstTag + UInt64(self.entries.count - self.head)
        guard confirm.deliveryTag < next, confirm.deliveryTag >= self.firstTag || confirm.isMultiple else {
            throw .unexpectedDeliveryTag(confirm.deliveryTag)
        }
        guard confirm.deliveryTag >= self.firstTag else { return }
        let last = self.head + Int(confirm.deliveryTag - self.firstTag)
        let range = confirm.isMultiple ? self.head...last : last...last
        for index in range where !self.entries[index].isSettled {
            self.entries[index].isSettled = true
            settle(self.entries[index].publication)
        }
        self.dropSettledPrefix()
    }

    /// Changes the oldest unanswered publication that matches; false when there is none.
    @inlinable public mutating func update(
        where matches: (Publication) -> Bool,
        _ change: (inout Publication) -> Void
    ) -> Bool {
        for index in self.head..<self.entries.count
        where !self.entries[index].isSettled && matches(self.entries[index].publication) {
            change(&self.entries[index].publication)
            return true
        }
        return false
    }

    /// The channel is gone: everything without an answer.
    @inlinable public mutating func removeAll() -> [Publication] {
        let left = self.entries[self.head...].filter { !$0.isSettled }.map(\.publication)
        self.entries.removeAll(keepingCapacity: true)
        self.head = 0
        self.firstTag = 1
        return left
    }

    @inlinable mutating func dropSettledPrefix() {
        while self.head < self.entries.count, self.entries[self.head].isSettled {
            self.head += 1
            self.firstTag += 1
        }
        if self.head == self.entries.count {
            self.entries.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head >= 256, self.head * 2 >= self.entries.count {
            self.entries.removeFirst(self.head)
            self.head = 0
        }
    }
}
