import Sidecar
import Support
import Testing

@testable import SidecarSQS

@Suite("Lease renewal")
struct LeaseRenewalTests {
    /// Takes `count` messages in batches of ten, as an ever wider window would.
    private func hold(_ count: Int, in fixture: TransportFixture) throws {
        try fixture.startReceiving(window: count)
        var number = 0
        while fixture.events.deliveries.count < count {
            try fixture.run { !fixture.http.waiting("ReceiveMessage").isEmpty }
            let request = fixture.http.waiting("ReceiveMessage").first?.members
            let wanted = request?["MaxNumberOfMessages"]?.integer ?? 0
            fixture.deliver((number..<number + wanted).map { "m\($0)" })
            number += wanted
        }
    }

    @Test("a thousand messages in flight are renewed with one call per ten messages and half-life")
    func thousand() throws {
        let fixture = try TransportFixture(visibilitySeconds: 6)
        try self.hold(1000, in: fixture)
        #expect(fixture.transport.leases.count == 1000)
        var calls = 0
        var entries = 0
        while entries < 1000 {
            try fixture.run { !fixture.http.waiting("ChangeMessageVisibilityBatch").isEmpty }
            entries += fixture.http.accept("ChangeMessageVisibilityBatch")
            calls += 1
            #expect(calls <= 100)
        }
        #expect(entries == 1000)
        #expect(fixture.events.forgotten.isEmpty)
    }

    @Test("a delivery that the service says is gone is reported, the others stay")
    func lost() throws {
        let fixture = try TransportFixture(visibilitySeconds: 4)
        try self.hold(3, in: fixture)
        try fixture.run {
            fixture.http.accept("ChangeMessageVisibilityBatch", failing: [1: "ReceiptHandleIsInvalid"]) == 3
        }
        #expect(fixture.events.forgotten == [fixture.events.deliveries[1].receipt])
        #expect(fixture.transport.leases.count == 2)
    }

    @Test("a renewal that fails for a passing reason is tried again before the lease ends")
    func again() throws {
        let fixture = try TransportFixture(visibilitySeconds: 4)
        try self.hold(1, in: fixture)
        try fixture.run { fixture.http.accept("ChangeMessageVisibilityBatch", failing: [0: "InternalError"]) == 1 }
        try fixture.run { fixture.http.accept("ChangeMessageVisibilityBatch") == 1 }
        #expect(fixture.events.forgotten.isEmpty)
        #expect(fixture.transport.leases.count == 1)
    }

    @Test("nothing is renewed for a dead runtime, and ended leases are given up")
    func dead() throws {
        let fixture = try TransportFixture(visibilitySeconds: 1)
        try self.hold(1, in: fixture)
        fixture.transport.setRuntimeAlive(false)
        try fixture.run { !fixture.events.forgotten.isEmpty }
        #expect(!fixture.http.actions.contains("ChangeMessageVisibilityBatch"))
    }
}
