import Testing

@testable import Sidecar

@Suite("Visibility leases")
struct LeaseTableTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private static func at(_ seconds: Double) -> MonotonicTime {
        Self.start + .milliseconds(Int64(seconds * 1000))
    }

    private static func receipt(_ tag: UInt64) -> Receipt { Receipt(generation: 1, tag: tag) }

    /// 10 s visible, renewed at 5 s, held 60 s at most, three renewals in a batch.
    private static func table() -> LeaseTable {
        LeaseTable(limits: .init(visibility: .seconds(10), maximumHold: .seconds(60), batchCount: 3))
    }

    private static func table(holding tags: ClosedRange<UInt64>) -> LeaseTable {
        var table = Self.table()
        for tag in tags { table.took(Self.receipt(tag), requestedAt: Self.at(0)) }
        return table
    }

    @Test("a lease is renewed at half of its life, not before")
    func halfLife() {
        var table = Self.table(holding: 1...1)
        #expect(table.nextDue == Self.at(5))
        #expect(table.renewals(now: Self.at(4.999)) == [])
        #expect(table.renewals(now: Self.at(5)) == [.init(receipt: Self.receipt(1), visibility: .seconds(10))])
    }

    @Test("another age for renewals can be asked for")
    func configuredAge() {
        var table = LeaseTable(
            limits: .init(
                visibility: .seconds(30),
                renewAfter: .seconds(10),
                maximumHold: .seconds(3600),
                batchCount: 10
            )
        )
        table.took(Self.receipt(1), requestedAt: Self.at(0))
        #expect(table.renewals(now: Self.at(9.999)) == [])
        #expect(table.renewals(now: Self.at(10)).count == 1)
    }

    @Test("a renewal that is under way is not sent again, and lengthens the lease from the moment it was sent")
    func underWay() {
        var table = Self.table(holding: 1...1)
        #expect(table.renewals(now: Self.at(5)).count == 1)
        #expect(table.renewals(now: Self.at(6)) == [] && table.nextDue == nil)
        table.renewed(Self.receipt(1), requestedAt: Self.at(5))
        #expect(table.ended(now: Self.at(14.999)) == [])
        #expect(table.nextDue == Self.at(10))
        #expect(table.ended(now: Self.at(15)) == [Self.receipt(1)])
    }

    @Test("renewals come in batches, those that end first in front")
    func batches() {
        var table = Self.table()
        for tag in 1...5 as ClosedRange<UInt64> {
            table.took(Self.receipt(tag), requestedAt: Self.at(1 - Double(tag) / 10))
        }
        #expect(table.renewals(now: Self.at(6)).map(\.receipt.tag) == [5, 4, 3])
        #expect(table.renewals(now: Self.at(6)).map(\.receipt.tag) == [2, 1])
        #expect(table.renewals(now: Self.at(6)) == [])
    }

    @Test("a failed renewal is tried again several times before the lease ends")
    func failedRenewal() {
        var table = Self.table(holding: 1...1)
        var attempts = 0
        var now = Self.at(5)
        while now < Self.at(10) {
            if !table.renewals(now: now).isEmpty {
                attempts += 1
                table.renewalFailed(Self.receipt(1), now: now)
            }
            now = now + .milliseconds(10)
        }
        #expect(attempts == 8)
        #expect(table.ended(now: Self.at(10)) == [Self.receipt(1)])
    }

    @Test("nothing is held longer than the longest hold, however often it is renewed")
    func longestHold() {
        var table = Self.table(holding: 1...1)
        var now = Self.start
        var last = Self.start
        while table.count > 0, now < Self.at(600) {
            for renewal in table.renewals(now: now) {
                #expect(now + renewal.visibility <= Self.at(60))
                table.renewed(renewal.receipt, requestedAt: now)
            }
            if !table.ended(now: now).isEmpty { last = now }
            now = now + .milliseconds(100)
        }
        #expect(last == Self.at(60))
    }

    @Test("a longest hold below one lease means that nothing is renewed")
    func shortHold() {
        var table = LeaseTable(limits: .init(visibility: .seconds(10), maximumHold: .seconds(3), batchCount: 1))
        table.took(Self.receipt(1), requestedAt: Self.at(0))
        #expect(table.nextDue == nil && table.renewals(now: Self.at(6)) == [])
        #expect(table.ended(now: Self.at(10)) == [Self.receipt(1)])
    }

    @Test("nothing is renewed once the runtime is dead, and again when it lives")
    func deadRuntime() {
        var table = Self.table(holding: 1...2)
        table.isRuntimeAlive = false
        #expect(table.renewals(now: Self.at(6)) == [] && table.nextDue == nil)
        table.isRuntimeAlive = true
        #expect(table.renewals(now: Self.at(6)).count == 2)
    }

    @Test("a dead runtime does not stop leases from ending")
    func deadRuntimeEnds() {
        var table = Self.table(holding: 1...2)
        table.isRuntimeAlive = false
        #expect(table.ended(now: Self.at(10)) == [Self.receipt(1), Self.receipt(2)])
        #expect(table.count == 0)
    }

    /// Everything that can happen to a lease …
    enum Event: CaseIterable {
        case renewed, renewalFailed, settled, ended
    }
    /// … in every state it can be in.
    enum State: CaseIterable {
        case held, renewing, gone
    }

    private static func table(in state: State) -> LeaseTable {
        var table = Self.table(holding: 1...1)
        switch state {
        case .held: break
        case .renewing: _ = table.renewals(now: Self.at(5))
        case .gone: table.settled(Self.receipt(1))
        }
        return table
    }

    @Test("every event in every state", arguments: State.allCases, Event.allCases)
    func everyEvent(state: State, event: Event) {
        var table = Self.table(in: state)
        let receipt = Self.receipt(1)
        switch event {
        case .renewed:
            table.renewed(receipt, requestedAt: Self.at(5))
            #expect(table.nextDue == (state == .gone ? nil : Self.at(10)))
        case .renewalFailed:
            table.renewalFailed(receipt, now: Self.at(5))
            #expect(table.nextDue == (state == .gone ? nil : Self.at(5.625)))
        case .settled:
            table.settled(receipt)
            #expect(table.nextDue == nil)
        case .ended:
            #expect(table.ended(now: Self.at(9.9)) == [])
            #expect(table.ended(now: Self.at(10)) == (state == .gone ? [] : [receipt]))
        }
        let isGone = state == .gone || event == .settled || event == .ended
        #expect(table.count == (isGone ? 0 : 1) && table.holds(receipt) == !isGone)
    }

    @Test("an answer about a receipt of another generation changes nothing")
    func otherGeneration() {
        var table = Self.table(holding: 1...1)
        let stale = Receipt(generation: 0, tag: 1)
        table.settled(stale)
        table.renewed(stale, requestedAt: Self.at(50))
        table.renewalFailed(stale, now: Self.at(50))
        #expect(table.count == 1 && table.nextDue == Self.at(5))
    }
}
