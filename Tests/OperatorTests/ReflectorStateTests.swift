import Support
import Testing

@testable import Operator

@Suite("Reflector")
struct ReflectorStateTests {
    private var generator = Seeded(1)

    @Test("it lists page by page and then watches from the list's version")
    mutating func pages() {
        var state = ReflectorState()
        #expect(state.next() == .list(continuation: nil))
        let isWhole1 = state.listed(resourceVersion: "5", continuation: "token")
        #expect(!isWhole1)
        #expect(!state.isSynced)
        #expect(state.next() == .list(continuation: "token"))
        let isWhole2 = state.listed(resourceVersion: "7", continuation: nil)
        #expect(isWhole2)
        #expect(state.isSynced)
        #expect(state.next() == .watch(resourceVersion: "7"))
    }

    @Test("after a watch it continues where events and bookmarks have led")
    mutating func continues() {
        var state = self.watching()
        state.advanced(to: "12")
        state.watchEnded(receivedAnything: true, using: &self.generator)
        #expect(state.next() == .watch(resourceVersion: "12"))
    }

    @Test("a watch that brings nothing is repeated with a growing delay")
    mutating func emptyWatch() {
        var state = self.watching()
        state.watchEnded(receivedAnything: false, using: &self.generator)
        guard case .wait(let first) = state.next() else { return #expect(Bool(false)) }
        #expect(state.next() == .watch(resourceVersion: "7"))
        state.watchEnded(receivedAnything: false, using: &self.generator)
        guard case .wait(let second) = state.next() else { return #expect(Bool(false)) }
        #expect(second > first)
    }

    @Test("an expired position is listed afresh: once at once, then with patience")
    mutating func expired() {
        var state = self.watching()
        let error = APIError.status(APIStatus(code: 410, body: []))
        state.failed(error, using: &self.generator)
        #expect(state.next() == .list(continuation: nil))
        state.failed(error, using: &self.generator)
        guard case .wait = state.next() else { return #expect(Bool(false)) }
        #expect(state.next() == .list(continuation: nil))
    }

    @Test("an expired page token starts the list over")
    mutating func expiredPage() {
        var state = ReflectorState()
        _ = state.listed(resourceVersion: "5", continuation: "token")
        state.failed(.status(APIStatus(code: 410, body: [])), using: &self.generator)
        #expect(state.next() == .list(continuation: nil))
    }

    @Test("a lost connection continues from the last position after a delay")
    mutating func lost() {
        var state = self.watching()
        state.failed(.transport("reset"), using: &self.generator)
        guard case .wait = state.next() else { return #expect(Bool(false)) }
        #expect(state.next() == .watch(resourceVersion: "7"))
    }

    @Test("a throttling server's time is kept")
    mutating func throttled() {
        var state = self.watching()
        state.failed(.status(APIStatus(code: 429, body: [], retryAfter: "17")), using: &self.generator)
        #expect(state.next() == .wait(.seconds(17)))
    }

    @Test("an API that is not installed counts as synced and is looked for")
    mutating func absent() {
        var state = ReflectorState()
        state.failed(.status(APIStatus(code: 404, body: Array("404 page not found\n".utf8))), using: &self.generator)
        #expect(state.isSynced)
        #expect(state.isAbsent)
        #expect(state.next() == .wait(ReflectorState.absentInterval))
        #expect(state.next() == .list(continuation: nil))
        let isWhole3 = state.listed(resourceVersion: "1", continuation: nil)
        #expect(isWhole3)
        #expect(!state.isAbsent)
    }

    @Test("a refusal is waited out, or counts as absence where the collection is optional")
    mutating func refused() {
        let refusal = APIError.status(APIStatus(code: 403, body: []))
        var state = ReflectorState()
        state.failed(refusal, using: &self.generator)
        #expect(!state.isSynced)
        var optional = ReflectorState()
        optional.toleratesRefusal = true
        optional.failed(refusal, using: &self.generator)
        #expect(optional.isSynced)
        #expect(optional.isAbsent)
    }

    private func watching() -> ReflectorState {
        var state = ReflectorState()
        _ = state.listed(resourceVersion: "7", continuation: nil)
        return state
    }
}

@Suite("Object cache")
struct ObjectCacheTests {
    @Test("a whole list replaces what was known, and tells each difference")
    func listed() {
        let log = ChangeLog()
        let cache = ObjectCache<OwnedObject> { log.add($0?.key.name, $1?.key.name) }
        cache.listed(self.object("a", version: "1"))
        cache.listed(self.object("b", version: "2"))
        cache.listCompleted()
        #expect(log.take() == ["nil→a", "nil→b"])
        cache.listed(self.object("b", version: "2"))
        cache.listCompleted()
        #expect(log.take() == ["a→nil"])
        #expect(cache.count == 1)
    }

    @Test("a list that was cut off removes nothing")
    func aborted() {
        let log = ChangeLog()
        let cache = ObjectCache<OwnedObject> { log.add($0?.key.name, $1?.key.name) }
        cache.listed(self.object("a", version: "1"))
        cache.listCompleted()
        _ = log.take()
        cache.listAborted()
        cache.listed(self.object("b", version: "2"))
        cache.listAborted()
        cache.listed(self.object("a", version: "1"))
        cache.listed(self.object("b", version: "2"))
        cache.listCompleted()
        #expect(cache.count == 2)
        #expect(log.take() == ["nil→b"])
    }

    @Test("an event older than a write of our own is not news")
    func older() {
        let log = ChangeLog()
        let cache = ObjectCache<OwnedObject> { log.add($0?.resourceVersion, $1?.resourceVersion) }
        cache.wrote(self.object("a", version: "9"))
        cache.stored(self.object("a", version: "8"))
        cache.stored(self.object("a", version: "9"))
        #expect(log.take().isEmpty)
        cache.stored(self.object("a", version: "10"))
        #expect(log.take() == ["9→10"])
        cache.wrote(self.object("a", version: "9"))
        #expect(cache[ObjectKey(namespace: "n", name: "a")]?.resourceVersion == "10")
    }

    @Test("objects are found by their group, as long as they are in it")
    func groups() {
        let cache = ObjectCache<ObservedPod> { _, _ in }
        let group = ObjectKey(namespace: "n", name: "actor")
        func pod(_ name: String, _ actor: String, _ version: String) -> JSONValue {
            [
                "metadata": [
                    "name": .string(name), "namespace": "n", "resourceVersion": .string(version),
                    "labels": .object(["asya.sh/asya": .string(actor)]),
                ]
            ]
        }
        cache.stored(pod("p2", "actor", "1"))
        cache.stored(pod("p1", "actor", "2"))
        #expect(cache.group(group).map(\.key.name) == ["p1", "p2"])
        cache.stored(pod("p1", "other", "3"))
        #expect(cache.group(group).map(\.key.name) == ["p2"])
        cache.removed(pod("p2", "actor", "4"))
        #expect(cache.group(group).isEmpty)
    }

    @Test("an API that goes takes its objects along, and its return is told")
    func absent() {
        let log = ChangeLog()
        let cache = ObjectCache<OwnedObject>(
            changed: { log.add($0?.key.name, $1?.key.name) },
            absenceChanged: { log.add("absent", "\($0)") }
        )
        cache.listed(self.object("a", version: "1"))
        cache.listCompleted()
        cache.absent()
        cache.absent()
        cache.listCompleted()
        #expect(log.take() == ["nil→a", "a→nil", "absent→true", "absent→false"])
    }

    private func object(_ name: String, version: String) -> JSONValue {
        [
            "metadata": [
                "name": .string(name), "namespace": "n", "uid": .string("uid-\(name)"),
                "resourceVersion": .string(version),
            ]
        ]
    }
}
