/// Which deliveries of a channel are unsettled, and which acknowledgement frames settle them. Pure.
///
/// The longest settled run at the front is acknowledged by one frame (`multiple`), anything behind it one by one.
/// Invariant: `states[head + i]` belongs to tag `firstTag + i`.
public struct AckBatch: Sendable {
    /// One acknowledgement frame.
    public struct Frame: Equatable, Sendable {
        /// The last delivery it settles.
        public var tag: UInt64
        /// It settles everything up to the tag.
        public var isMultiple: Bool
    }

    private enum State: UInt8 {
        case unsettled, acknowledged, done
    }

    private var firstTag: UInt64 = 1
    private var states: [State] = []
    private var head = 0
    /// Acknowledged since the last `frames`.
    private var pending: [UInt64] = []

    /// A channel without deliveries.
    public init() {}

    /// Deliveries without an answer.
    public var unsettledCount: Int {
        var count = 0
        for index in self.head..<self.states.count where self.states[index] == .unsettled { count += 1 }
        return count
    }

    /// The broker delivered `tag`; tags of a channel count up from 1.
    public mutating func delivered(_ tag: UInt64) throws(AMQPError) {
        guard tag == self.firstTag + UInt64(self.states.count - self.head) else {
            throw .unexpectedDeliveryTag(tag)
        }
        self.states.append(.unsettled)
    }

    /// Marks a delivery as acknowledged; the frame leaves with the next `takeFrames`.
    public mutating func acknowledge(_ tag: UInt64) {
        guard let index = self.index(of: tag), self.states[index] == .unsettled else {
            preconditionFailure("a delivery is settled once")
        }
        self.states[index] = .acknowledged
        self.pending.append(tag)
    }

    /// A delivery was given back by its own frame.
    public mutating func released(_ tag: UInt64) {
        guard let index = self.index(of: tag), self.states[index] == .unsettled else {
            preconditionFailure("a delivery is settled once")
        }
        self.states[index] = .done
        if self.pending.isEmpty { self.dropSettledPrefix() }
    }

    /// Whether `takeFrames` has something to send.
    public var hasPending: Bool { !self.pending.isEmpty }

    /// Calls `send` for each frame that is due.
    public mutating func takeFrames(_ send: (Frame) -> Void) {
        guard !self.pending.isEmpty else { return }
        var last: UInt64?
        var acknowledgedCount = 0
        var index = self.head
        while index < self.states.count, self.states[index] != .unsettled {
            if self.states[index] == .acknowledged {
                last = self.firstTag + UInt64(index - self.head)
                acknowledgedCount += 1
            }
            index += 1
        }
        let prefixEnd = self.firstTag + UInt64(index - self.head)
        if let last { send(Frame(tag: last, isMultiple: acknowledgedCount > 1)) }
        for tag in self.pending where tag >= prefixEnd {
            send(Frame(tag: tag, isMultiple: false))
            if let position = self.index(of: tag) { self.states[position] = .done }
        }
        self.pending.removeAll(keepingCapacity: true)
        self.dropPrefix(upTo: index)
    }

    private func index(of tag: UInt64) -> Int? {
        guard tag >= self.firstTag else { return nil }
        let index = self.head + Int(tag - self.firstTag)
        return index < self.states.count ? index : nil
    }

    private mutating func dropSettledPrefix() {
        var index = self.head
        while index < self.states.count, self.states[index] != .unsettled { index += 1 }
        self.dropPrefix(upTo: index)
    }

    private mutating func dropPrefix(upTo index: Int) {
        self.firstTag += UInt64(index - self.head)
        self.head = index
        if self.head == self.states.count {
            self.states.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head >= 256, self.head * 2 >= self.states.count {
            self.states.removeFirst(self.head)
            self.head = 0
        }
    }
}
