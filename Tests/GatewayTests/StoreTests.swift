import Foundation
import Testing

@testable import Gateway

/// One body for both stores: what a caller sees must not depend on where envelopes live.
@Suite("Stores")
struct StoreTests {
    @Test("A recorded call is read back whole", arguments: StoreKind.available)
    func roundTrip(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            var new = NewEnvelope.call(
                actors: ["a", "ü \"x\" \\ {,}", ""],
                payload: #"{"n":12345678901234567890,"u":"é \u0041 \ud83d\ude00","deep":[[[{"k":null}]]]}"#,
                deadline: EpochTime(microseconds: 2_000_000_000_123_456)
            )
            new.record.headers = RawJSON(checking: #"{"trace":"t-1"}"#)
            new.record.timeoutSeconds = 60
            new.record.state.principal = "alice"
            #expect(try await store.create(new) == .created)
            let loaded = try #require(try await store.load(new.id))
            #expect(loaded.state == new.record.state)
            #expect(loaded.createdAt == new.record.createdAt)
            #expect(loaded.timeoutSeconds == 60)
            #expect(loaded.tool == "tool")
            #expect(loaded.result == nil)
            #expect(try self.value(loaded.payload) == self.value(new.record.payload))
            #expect(try self.value(loaded.headers) == self.value(new.record.headers))
            #expect(try self.value(loaded.routeMetadata) == self.value(new.record.routeMetadata))
            #expect(try await store.state(of: new.id) == loaded.state)
        }
    }

    @Test("What JSONB cannot hold is stored as U+FFFD, not refused", arguments: StoreKind.available)
    func unstorableText(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let new = NewEnvelope.call(payload: #"{"zero":"a\u0000b","lone":"\ud800x","pair":"\ud83d\ude00"}"#)
            #expect(try await store.create(new) == .created)
            _ = try await store.apply(.success(#""\u0000""#), to: new.id)
            let loaded = try #require(try await store.load(new.id))
            #expect(loaded.payload.document?.root["pair"]?.string == "😀")
            #expect(loaded.result != nil)
        }
    }

    @Test("Calls at once with large payloads are all recorded", arguments: StoreKind.available)
    func largePayloads(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            // More than one statement of PostgreSQL takes.
            let text = String(repeating: "x", count: 3 << 20)
            let calls = (0..<5).map { NewEnvelope.call(payload: #"{"n":\#($0),"text":"\#(text)"}"#) }
            try await withThrowingTaskGroup(of: CreationOutcome.self) { group in
                for new in calls { group.addTask { try await store.create(new) } }
                for try await outcome in group { #expect(outcome == .created) }
            }
            for (number, new) in calls.enumerated() {
                let payload = try await store.load(new.id)?.payload.document?.root
                #expect(payload?["n"]?.integer == number)
                #expect(payload?["text"]?.string?.utf8.count == text.utf8.count)
            }
        }
    }

    @Test("An id exists once", arguments: StoreKind.available)
    func duplicate(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let parent = NewEnvelope.call()
            let id = parent.id + "-1"
            #expect(try await store.create(parent) == .created)
            #expect(try await store.create(.child(of: parent.id, id: id)) == .created)
            #expect(try await store.create(.child(of: parent.id, id: id)) == .exists(parentID: parent.id))
            #expect(try await store.create(parent) == .exists(parentID: nil))
            let loaded = try #require(try await store.load(parent.id))
            #expect(loaded.childrenTotal == 1)
            #expect(loaded.childrenDone == 0)
            _ = try await store.apply(.success("1"), to: id)
            #expect(try await store.load(parent.id)?.childrenDone == 1)
        }
    }

    @Test("Unknown ids are told apart from failures", arguments: StoreKind.available)
    func unknown(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let found1 = try await store.load("nobody")
            #expect(found1 == nil)
            let found2 = try await store.state(of: "nobody")
            #expect(found2 == nil)
            let outcome = try await store.apply(.cancelled, to: "nobody")
            #expect(outcome == .unknownEnvelope)
            let none = try await store.updates(of: "nobody", after: 0, limit: 10)
            #expect(none.isEmpty)
        }
    }

    @Test("Reports come back in order with message, state and percent", arguments: StoreKind.available)
    func history(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            for index in 0..<3 {
                for phase in ActorPhase.allCases { _ = try await store.apply(.report(phase, index), to: new.id) }
            }
            _ = try await store.apply(.success(#"{"v":1}"#), to: new.id)
            let updates = try await store.updates(of: new.id, after: 0, limit: 100)
            let percents = [nil, 3.33, 16.67, 33.33, 36.67, 50, 66.67, 70, 83.33, 100, 100]
            #expect(updates.map(\.progressPercent) == percents)
            #expect(updates.map(\.status).dropLast().allSatisfy { $0 == .running })
            #expect(updates.first?.message == "Sending envelope to first actor")
            #expect(updates[1].message == "received 0")
            #expect(updates[1].phase == .received)
            #expect(updates[1].actors == ["a", "b", "c"])
            #expect(updates[1].currentActorIndex == 0)
            #expect(updates.last?.status == .succeeded)
            #expect(try self.value(updates.last?.result) == self.value(RawJSON(checking: #"{"v":1}"#)))
            #expect(zip(updates, updates.dropFirst()).allSatisfy { $0.historyID < $1.historyID })
            let rest = try await store.updates(of: new.id, after: updates[8].historyID, limit: 100)
            #expect(rest == Array(updates[9...]))
            let loaded = try #require(try await store.load(new.id))
            #expect(loaded.state.actorsCompleted == 3)
            #expect(loaded.state.progressPercent == 100)
        }
    }

    @Test("The first terminal state wins", arguments: StoreKind.available)
    func firstTerminalStateWins(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            _ = try await store.apply(.success("1"), to: new.id)
            let late: [EnvelopeEvent] = [.report(.completed, 0), .cancelled, .deadlinePassed, .sendFailed(cause: "x")]
            for event in late {
                guard case .ignored(let state) = try await store.apply(event, to: new.id) else {
                    Issue.record("\(event) changed a terminal envelope")
                    continue
                }
                #expect(state.status == .succeeded)
            }
            #expect(try await store.updates(of: new.id, after: 0, limit: 10).count == 2)
        }
    }

    @Test("Many reports at once leave one history without gaps", arguments: StoreKind.available)
    func concurrency(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let envelopes = (0..<20).map { _ in NewEnvelope.call() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for new in envelopes { group.addTask { _ = try await store.create(new) } }
                try await group.waitForAll()
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for new in envelopes {
                    for index in 0..<10 {
                        group.addTask { _ = try await store.apply(.report(.processing, index % 3), to: new.id) }
                    }
                }
                try await group.waitForAll()
            }
            for new in envelopes {
                let updates = try await store.updates(of: new.id, after: 0, limit: 100)
                #expect(updates.count == 11)
                let percents = updates.compactMap(\.progressPercent)
                #expect(percents == percents.sorted())
            }
        }
    }

    @Test("One bad value does not take its batch along", arguments: StoreKind.available)
    func isolation(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let huge = NewEnvelope.call(payload: "1e400000")
            let good = (0..<8).map { _ in NewEnvelope.call() }
            await withTaskGroup(of: Void.self) { group in
                for new in [huge] + good { group.addTask { _ = try? await store.create(new) } }
            }
            for new in good {
                let found = try await store.load(new.id)
                #expect(found != nil)
            }
        }
    }

    @Test("An idempotency key makes one envelope of many calls", arguments: StoreKind.available)
    func idempotency(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let key = IdempotencyKey(key: UUID().uuidString, fingerprint: "f1")
            let calls = (0..<50).map { _ in NewEnvelope.call(idempotency: key) }
            let outcomes = try await withThrowingTaskGroup(of: (String, CreationOutcome).self) { group in
                for new in calls { group.addTask { (new.id, try await store.create(new)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let created = outcomes.filter { $0.1 == .created }.map(\.0)
            #expect(created.count == 1)
            #expect(outcomes.filter { $0.1 == .repeated(id: created.first ?? "") }.count == 49)
            let other = IdempotencyKey(key: key.key, fingerprint: "f2")
            #expect(try await store.create(.call(idempotency: other)) == .keyConflict)
        }
    }

    @Test("What was not sent is known until it is", arguments: StoreKind.available)
    func unsent(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let new = NewEnvelope.call(createdAt: EpochTime.now().advanced(by: .seconds(-60)))
            _ = try await store.create(new)
            let waiting = try await store.unsent(olderThan: .seconds(30), limit: 100).map(\.state.id)
            #expect(waiting.contains(new.id))
            let young = try await store.unsent(olderThan: .seconds(3600), limit: 100).map(\.state.id)
            #expect(!young.contains(new.id))
            store.markSent(new.id) { Issue.record("\($0)") }
            // The mark is committed along with the next change.
            _ = try await store.create(.call())
            let left = try await store.unsent(olderThan: .seconds(30), limit: 100).map(\.state.id)
            #expect(!left.contains(new.id))
        }
    }

    @Test("Overdue envelopes fail, others do not", arguments: StoreKind.available)
    func deadlines(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let overdue = NewEnvelope.call(deadline: EpochTime.now().advanced(by: .seconds(-1)))
            let early = NewEnvelope.call(deadline: EpochTime.now().advanced(by: .seconds(3600)))
            let done = NewEnvelope.call(deadline: EpochTime.now().advanced(by: .seconds(-1)))
            for new in [overdue, early, done] { _ = try await store.create(new) }
            _ = try await store.apply(.success("1"), to: done.id)
            #expect(try await store.failOverdue(limit: 100).map(\.id) == [overdue.id])
            let state = try await store.state(of: overdue.id)
            #expect(state?.status == .failed)
            #expect(state?.error == "envelope timed out")
            #expect(try await store.state(of: early.id)?.status == .running)
            #expect(try await store.state(of: done.id)?.status == .succeeded)
            #expect(try await store.updates(of: overdue.id, after: 0, limit: 10).last?.error == "envelope timed out")
        }
    }

    @Test("A list has filters and pages that neither skip nor repeat", arguments: StoreKind.available)
    func listing(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let tool = UUID().uuidString
            let start = EpochTime.now()
            var ids: [String] = []
            for index in 0..<7 {
                // Two of one moment: the id decides.
                let time = start.advanced(by: .seconds(-index / 2))
                let new = NewEnvelope.call(actors: index == 3 ? ["x"] : ["a"], tool: tool, createdAt: time)
                _ = try await store.create(new)
                ids.append(new.id)
            }
            _ = try await store.apply(.success("1"), to: ids[0])
            var query = EnvelopeQuery(limit: 2)
            query.tool = tool
            var seen: [String] = []
            while true {
                let page = try await store.list(query)
                seen += page.map(\.state.id)
                guard page.count == 2, let last = page.last else { break }
                query.cursor = EnvelopeCursor(createdAt: last.createdAt, id: last.state.id)
            }
            #expect(seen.count == 7)
            #expect(Set(seen) == Set(ids))
            query = EnvelopeQuery()
            query.tool = tool
            query.actor = "x"
            #expect(try await store.list(query).map(\.state.id) == [ids[3]])
            query.actor = nil
            query.status = .succeeded
            #expect(try await store.list(query).map(\.state.id) == [ids[0]])
            query.status = nil
            query.createdBefore = start.advanced(by: .milliseconds(-2500))
            #expect(try await store.list(query).map(\.state.id) == [ids[6]])
            query.createdBefore = nil
            query.principal = "somebody"
            #expect(try await store.list(query).count == 7)
        }
    }

    @Test("Retention removes ended envelopes only", arguments: StoreKind.available)
    func retention(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let ended = NewEnvelope.call()
            let active = NewEnvelope.call()
            for new in [ended, active] { _ = try await store.create(new) }
            _ = try await store.apply(.success("1"), to: ended.id)
            let keep = RetentionRules(terminalEnvelopes: .seconds(3600))
            while try await store.prune(keep, limit: 100) > 0 {}
            let found3 = try await store.load(ended.id)
            #expect(found3 != nil)
            // Everything that ended before one second from now.
            let drop = RetentionRules(terminalEnvelopes: .seconds(-1))
            while try await store.prune(drop, limit: 100) > 0 {}
            let found4 = try await store.load(ended.id)
            #expect(found4 == nil)
            let found5 = try await store.load(active.id)
            #expect(found5 != nil)
            #expect(try await store.updates(of: ended.id, after: 0, limit: 10).isEmpty)
        }
    }

    @Test("Changes are told after their commit", arguments: StoreKind.available)
    func changes(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let (stream, continuation) = AsyncStream<StoreChange>.makeStream()
            store.setChangeHandler { continuation.yield($0) }
            let new = NewEnvelope.call()
            _ = try await store.create(new)
            _ = try await store.apply(.report(.received, 0), to: new.id)
            for await change in stream {
                guard case .envelopes(let ids) = change, ids.contains(new.id) else { continue }
                break
            }
        }
    }

    @Test("Terminated sessions are remembered", arguments: StoreKind.available)
    func sessions(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            let id = UUID().uuidString
            #expect(try await !store.isSessionTerminated(id))
            try await store.terminateSession(id)
            try await store.terminateSession(id)
            #expect(try await store.isSessionTerminated(id))
        }
    }

    @Test("A closed store says so", arguments: StoreKind.available)
    func closed(_ kind: StoreKind) async throws {
        try await withStore(kind) { store in
            await store.close()
            await #expect(throws: StoreError.closed) { try await store.create(.call()) }
            await #expect(throws: StoreError.closed) { try await store.load("x") }
        }
    }

    /// The JSON value, whatever its text looks like.
    private func value(_ json: RawJSON?) throws -> NSObject? {
        guard let json else { return nil }
        let value = try JSONSerialization.jsonObject(with: Data(json.bytes), options: .fragmentsAllowed)
        return value as? NSObject
    }
}
