import Testing

@testable import Operator

@Suite("Leader election")
struct LeaderElectionStateTests {
    private typealias State = LeaderElectionState

    @Test("a Lease that is missing is made, and making it is leading")
    func first() {
        var state = State(identity: "me")
        #expect(state.begin(now: .zero) == .read)
        guard case .create(let record) = state.missing(now: .zero, timestamp: "t1") else { return #expect(Bool(false)) }
        #expect(record == .init(holder: "me", durationSeconds: 15, transitions: 0, acquireTime: "t1", renewTime: "t1"))
        #expect(!state.isLeader)
        #expect(state.written(record, now: .zero) == .wait(.seconds(2)))
        #expect(state.isLeader)
    }

    @Test("another's Lease is left alone for as long as it is renewed, counted by our own clock")
    func follower() {
        var state = State(identity: "me")
        #expect(state.observed(self.theirs("t1"), now: .zero, timestamp: "x") == .wait(.seconds(2)))
        #expect(state.observed(self.theirs("t2"), now: .seconds(14), timestamp: "x") == .wait(.seconds(2)))
        #expect(state.observed(self.theirs("t2"), now: .seconds(28), timestamp: "x") == .wait(.seconds(2)))
        guard case .update(let record) = state.observed(self.theirs("t2"), now: .seconds(30), timestamp: "x") else {
            return #expect(Bool(false))
        }
        #expect(record.holder == "me")
        #expect(record.transitions == 4)
    }

    @Test("a released Lease is taken at once")
    func released() {
        var state = State(identity: "me")
        var record = self.theirs("t1")
        record.holder = ""
        guard case .update = state.observed(record, now: .zero, timestamp: "x") else { return #expect(Bool(false)) }
    }

    @Test("a leader renews, and keeps the time it began to lead")
    func renews() {
        var state = self.leader()
        _ = state.begin(now: .seconds(2))
        let stored = State.Record(holder: "me", durationSeconds: 15, transitions: 0, acquireTime: "t1", renewTime: "t1")
        guard case .update(let record) = state.observed(stored, now: .seconds(2), timestamp: "t2") else {
            return #expect(Bool(false))
        }
        #expect(record.acquireTime == "t1")
        #expect(record.renewTime == "t2")
    }

    @Test("a leader that cannot renew gives up before its Lease runs out")
    func gives() {
        var state = self.leader()
        _ = state.begin(now: .seconds(2))
        #expect(state.failed(now: .seconds(3)) == .wait(.seconds(2)))
        _ = state.begin(now: .seconds(8))
        #expect(state.failed(now: .seconds(9)) == .wait(.seconds(2)))
        _ = state.begin(now: .seconds(10))
        #expect(state.failed(now: .seconds(10)) == .lost)
    }

    @Test("a leader that finds another in the Lease has lost")
    func stolen() {
        var state = self.leader()
        #expect(state.observed(self.theirs("t9"), now: .seconds(2), timestamp: "x") == .lost)
    }

    @Test("a follower's failures never end it")
    func followerFails() {
        var state = State(identity: "me")
        #expect(state.failed(now: .seconds(1000)) == .wait(.seconds(2)))
    }

    @Test("only a leader releases, and leaves an empty holder")
    func releases() {
        #expect(State(identity: "me").released(timestamp: "t") == nil)
        let record = self.leader().released(timestamp: "t")
        #expect(record?.holder == "")
        #expect(record?.durationSeconds == 1)
    }

    private func leader() -> LeaderElectionState {
        var state = State(identity: "me")
        _ = state.begin(now: .zero)
        let record = State.Record(holder: "me", durationSeconds: 15, transitions: 0, acquireTime: "t1", renewTime: "t1")
        _ = state.written(record, now: .zero)
        return state
    }

    private func theirs(_ time: String) -> LeaderElectionState.Record {
        .init(holder: "other", durationSeconds: 15, transitions: 3, acquireTime: "t0", renewTime: time)
    }
}
