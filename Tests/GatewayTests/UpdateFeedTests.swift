import Testing

@testable import Gateway

@Suite("Update feed")
struct UpdateFeedTests {
    @Test("Every reader gets every update once and in order, however late", arguments: StoreKind.available)
    func complete(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let feed = UpdateFeed(store: store)
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            let record = try #require(try await store.load(new.id))
            let early = feed.updates(of: record)
            let writing = Task {
                for _ in 0..<300 { _ = try await store.apply(.report(.processing, 0), to: new.id) }
                _ = try await store.apply(.success("1"), to: new.id)
            }
            async let first = self.collect(early)
            let late = feed.updates(of: record)
            let second = try await self.collect(late)
            #expect(try await first == second)
            #expect(second.count == 302)
            #expect(zip(second, second.dropFirst()).allSatisfy { $0 < $1 })
            try await writing.value
            // Resumed in the middle, after the end.
            let ended = try #require(try await store.load(new.id))
            let rest = try await self.collect(feed.updates(of: ended, after: second[200]))
            #expect(rest == Array(second[201...]))
        }
    }

    @Test("A finished envelope without history still has an end")
    func pruned() async throws {
        try await withStore(.sqlite) { store in
            let feed = UpdateFeed(store: store)
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            _ = try await store.apply(.success(#"{"v":1}"#), to: new.id)
            let rules = RetentionRules(terminalEnvelopes: nil, history: .seconds(-1))
            while try await store.prune(rules, limit: 100) > 0 {}
            let record = try #require(try await store.load(new.id))
            var updates: [EnvelopeUpdate] = []
            for try await update in feed.updates(of: record) { updates.append(update) }
            #expect(updates.map(\.status) == [.succeeded])
            #expect(updates.first?.result?.text == #"{"v":1}"#)
        }
    }

    @Test("Silence is told, and closing ends every reader")
    func silence() async throws {
        try await withStore(.sqlite) { store in
            let feed = UpdateFeed(store: store, keepAliveInterval: .milliseconds(20))
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            let record = try #require(try await store.load(new.id))
            var iterator = feed.updates(of: record).makeAsyncIterator()
            guard case .update = try await iterator.nextEvent() else {
                Issue.record("the history comes first")
                return
            }
            #expect(try await iterator.nextEvent() == .silence)
            #expect(try await iterator.nextEvent() == .silence)
            #expect(feed.subscriberCount == 1)
            feed.close()
            let found1 = try await iterator.nextEvent()
            #expect(found1 == nil)
            for try await _ in feed.updates(of: record) { Issue.record("a closed feed has no updates") }
        }
    }

    @Test("A place that a reader made up stops nobody, and the envelope's end ends it", .timeLimit(.minutes(1)))
    func madeUpPlace() async throws {
        try await withStore(.sqlite) { store in
            let feed = UpdateFeed(store: store)
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            let record = try #require(try await store.load(new.id))
            let lost = feed.updates(of: record, after: .max)
            let other = feed.updates(of: record)
            var iterator = other.makeAsyncIterator()
            // From here on the other one, too, is told by the feed alone.
            _ = try await iterator.next()
            let reading = Task { try await self.collect(lost) }
            for _ in 0..<(2 * UpdateFeed.bufferCapacity) {
                _ = try await store.apply(.report(.processing, 0), to: new.id)
            }
            _ = try await store.apply(.success("1"), to: new.id)
            var count = 0
            while try await iterator.next() != nil { count += 1 }
            #expect(count == 2 * UpdateFeed.bufferCapacity + 1)
            #expect(try await reading.value == [])
        }
    }

    @Test("A cancelled reader stops")
    func cancelled() async throws {
        try await withStore(.sqlite) { store in
            let feed = UpdateFeed(store: store)
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            let record = try #require(try await store.load(new.id))
            let reading = Task {
                for try await _ in feed.updates(of: record) {}
            }
            reading.cancel()
            await #expect(throws: CancellationError.self) { try await reading.value }
        }
    }

    private func collect(_ updates: EnvelopeUpdateSequence) async throws -> [Int64] {
        var ids: [Int64] = []
        for try await update in updates { ids.append(update.historyID) }
        return ids
    }
}
