import Testing

@testable import Up

@Suite struct GPUSlotsTests {
    static func devices(_ slots: inout GPUSlots) -> [Int]? { slots.nextGrant()?.devices }

    static func next(_ slots: inout GPUSlots) -> PairID? { slots.nextGrant()?.pair }

    static func pair(_ index: Int) -> PairID { PairID(actor: "a", index: index) }

    @Test("devices are handed out in order and come back")
    func grants() {
        var slots = GPUSlots(count: 3)
        slots.request(Self.pair(0), count: 2)
        slots.request(Self.pair(1), count: 1)
        #expect(Self.devices(&slots) == [0, 1])
        #expect(Self.devices(&slots) == [2])
        slots.request(Self.pair(2), count: 1)
        #expect(Self.next(&slots) == nil)
        slots.release(Self.pair(0))
        #expect(Self.devices(&slots) == [0])
        #expect(slots.holders == [Self.pair(1): [2], Self.pair(2): [0]])
        #expect(slots.count == 3)
    }

    @Test("who asked first is served first; who needs none does not wait")
    func fairness() {
        var slots = GPUSlots(count: 2)
        slots.request(Self.pair(0), count: 1)
        _ = slots.nextGrant()
        slots.request(Self.pair(1), count: 2)
        slots.request(Self.pair(2), count: 1)
        slots.request(Self.pair(3), count: 0)
        #expect(Self.next(&slots) == Self.pair(3))
        #expect(Self.next(&slots) == nil, "one is free, but the pair that needs two was first")
        slots.release(Self.pair(0))
        #expect(Self.next(&slots) == Self.pair(1))
        #expect(Self.next(&slots) == nil)
        slots.release(Self.pair(1))
        #expect(Self.next(&slots) == Self.pair(2))
    }

    @Test("a request is withdrawn, a stranger's release changes nothing")
    func withdraw() {
        var slots = GPUSlots(count: 0)
        slots.request(Self.pair(0), count: 1)
        slots.release(Self.pair(0))
        slots.release(Self.pair(9))
        #expect(Self.next(&slots) == nil)
        #expect(slots.count == 0)
    }
}
