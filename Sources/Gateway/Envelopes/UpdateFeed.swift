internal import Support
internal import Synchronization

/// Live updates of envelopes, without loss: every subscriber gets each entry of the history once, in order.
///
/// History is the only source: a change, here or on another replica, makes the feed read what is new of that envelope
/// once and hand it to everybody who waits. A subscriber that falls behind its buffer reads the history itself.
public final class UpdateFeed: Sendable {
    /// Updates that wait for a slow subscriber before it has to read the history; a few screens of progress.
    static let bufferCapacity = 64
    /// Entries per read.
    static let pageCount = 500

    private struct Channel {
        /// Tells a channel from an earlier one of the same envelope.
        let number: Int
        var cursor: Int64
        var subscribers: [Int: UpdateSubscription] = [:]
        var isReading = false
        var isDirty = false
    }

    private struct State {
        var channels: [String: Channel] = [:]
        var nextNumber = 0
        var isClosed = false
        var subscriberCount = 0
        var isTicking = false

        func channel(_ id: String, _ number: Int) -> Channel? {
            guard let channel = self.channels[id], channel.number == number else { return nil }
            return channel
        }
    }

    private let store: any EnvelopeStore
    private let keepAliveInterval: Duration
    private let state = Mutex(State())

    /// A feed of this store's envelopes; becomes the store's change handler.
    ///
    /// - Parameter keepAliveInterval: how long a reader waits before it is told that there is silence.
    public init(store: any EnvelopeStore, keepAliveInterval: Duration = .seconds(15)) {
        self.store = store
        self.keepAliveInterval = keepAliveInterval
        store.setChangeHandler { [weak self] change in self?.changed(change) }
    }

    /// Subscriptions that are open.
    public var subscriberCount: Int { self.state.withLock(\.subscriberCount) }

    /// Everything that happened to the envelope after `historyID` and all that will, until its terminal update.
    ///
    /// - Parameter record: the envelope, read before this call; when it is terminal the sequence ends after its history.
    public func updates(of record: EnvelopeRecord, after historyID: Int64 = 0) -> EnvelopeUpdateSequence {
        let id = record.state.id
        let subscription = UpdateSubscription(record: record, after: historyID, store: self.store)
        let number = self.state.withLock { state in
            state.nextNumber += 1
            if state.isClosed { return 0 }
            // From the beginning, whatever the first reader wants: others want more, and a place that a client made up must not
            // stop the updates of all.
            state.channels[id, default: Channel(number: state.nextNumber, cursor: 0)].subscribers[
                state.nextNumber
            ] = subscription
            state.subscriberCount += 1
            return state.nextNumber
        }
        if number == 0 { subscription.end() }
        self.startTicking()
        return EnvelopeUpdateSequence(subscription: subscription) { [weak self] in
            self?.unsubscribe(number, from: id)
        }
    }

    /// One timer for all subscriptions, for as long as there are any.
    private func startTicking() {
        let starts = self.state.withLock { state in
            guard !state.isTicking, state.subscriberCount > 0 else { return false }
            state.isTicking = true
            return true
        }
        guard starts else { return }
        let interval = UInt64(max(1, GoDuration(self.keepAliveInterval).nanoseconds))
        Task { [weak self] in
            while true {
                try await Task.sleep(nanoseconds: min(interval / 4 + 1, 1_000_000_000))
                guard let self, self.tick(interval) else { return }
            }
        }
    }

    /// Returns whether there is still anybody to tick for.
    private func tick(_ interval: UInt64) -> Bool {
        let subscribers = self.state.withLock { state in
            if state.subscriberCount == 0 { state.isTicking = false }
            return state.channels.values.flatMap { Array($0.subscribers.values) }
        }
        let now = MonotonicClock.nanoseconds()
        for subscriber in subscribers { subscriber.tick(now: now, interval: interval) }
        return !subscribers.isEmpty
    }

    /// Ends every subscription and refuses new ones: the gateway shuts down.
    public func close() {
        let subscribers = self.state.withLock { state in
            state.isClosed = true
            return state.channels.values.flatMap { Array($0.subscribers.values) }
        }
        for subscriber in subscribers { subscriber.end() }
    }

    private func unsubscribe(_ number: Int, from id: String) {
        self.state.withLock { state in
            guard state.channels[id]?.subscribers.removeValue(forKey: number) != nil else { return }
            state.subscriberCount -= 1
            if state.channels[id]?.subscribers.isEmpty == true { state.channels[id] = nil }
        }
    }

    private func changed(_ change: StoreChange) {
        let toRead = self.state.withLock { state in
            let candidates: [String] =
                switch change {
                case .envelopes(let ids): ids
                case .unknown: Array(state.channels.keys)
                }
            return candidates.compactMap { id -> (id: String, number: Int)? in
                guard let channel = state.channels[id] else { return nil }
                if channel.isReading {
                    state.channels[id]?.isDirty = true
                    return nil
                }
                state.channels[id]?.isReading = true
                return (id, channel.number)
            }
        }
        for (id, number) in toRead { Task { await self.deliver(id, number) } }
    }

    /// Pause before the store is asked again after it failed.
    private static let retryPause = Duration.milliseconds(500)

    /// Reads what is new and hands it out, again for as long as changes come in.
    private func deliver(_ id: String, _ number: Int) async {
        while let cursor = self.state.withLock({ $0.channel(id, number)?.cursor }) {
            let updates: [EnvelopeUpdate]
            do {
                updates = try await self.store.updates(of: id, after: cursor, limit: Self.pageCount)
            } catch {
                // Nobody else reads for this channel meanwhile; without the pause a broken store would be hammered.
                guard (try? await Task.sleep(for: Self.retryPause)) != nil else { return }
                continue
            }
            let subscribers = self.state.withLock { state -> [UpdateSubscription] in
                guard let channel = state.channel(id, number) else { return [] }
                if let last = updates.last { state.channels[id]?.cursor = last.historyID }
                return Array(channel.subscribers.values)
            }
            for subscriber in subscribers { subscriber.offer(updates) }
            // Only now may somebody else read: two at once would hand out updates in the wrong order.
            let goesOn = self.state.withLock { state in
                guard let channel = state.channel(id, number) else { return false }
                let goesOn = channel.isDirty || updates.count == Self.pageCount
                state.channels[id]?.isDirty = false
                state.channels[id]?.isReading = goesOn
                return goesOn
            }
            if !goesOn { return }
        }
    }
}

/// What a reader of updates gets.
public enum UpdateEvent: Sendable, Equatable {
    /// Something happened to the envelope.
    case update(EnvelopeUpdate)
    /// Nothing happened for an interval: time for a sign of life.
    case silence
}

/// The updates of one envelope for one reader; see `UpdateFeed.updates`.
public struct EnvelopeUpdateSequence: AsyncSequence, Sendable {
    /// One update.
    public typealias Element = EnvelopeUpdate

    fileprivate let subscription: UpdateSubscription
    fileprivate let lease: Lease

    fileprivate init(subscription: UpdateSubscription, onEnd: @escaping @Sendable () -> Void) {
        self.subscription = subscription
        self.lease = Lease(onEnd: onEnd)
    }

    /// Nobody reads any more: the reader's next update is nil.
    public func end() { self.subscription.end() }

    /// Starts reading; there is one reader.
    public func makeAsyncIterator() -> Iterator { Iterator(sequence: self) }

    /// Reads until the terminal update, the feed's end or cancellation.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let sequence: EnvelopeUpdateSequence

        /// The next update; nil at the end.
        public mutating func next() async throws -> EnvelopeUpdate? {
            while let event = try await self.nextEvent() {
                if case .update(let update) = event { return update }
            }
            return nil
        }

        /// The next update, or silence when there was none for the feed's interval; nil at the end.
        public mutating func nextEvent() async throws -> UpdateEvent? {
            try await self.sequence.subscription.next()
        }
    }

    /// Leaves the feed when the last copy of the sequence is gone.
    fileprivate final class Lease: Sendable {
        private let onEnd: @Sendable () -> Void
        init(onEnd: @escaping @Sendable () -> Void) { self.onEnd = onEnd }
        deinit { self.onEnd() }
    }
}
