import Testing

@testable import Up

@Suite struct ReplicaPlanTests {
    typealias Member = ReplicaPlan.Member
    typealias Step = ReplicaPlan.Step

    static func member(_ index: Int, generation: Int = 0, ready: Bool = true, leaving: Bool = false) -> Member {
        Member(index: index, generation: generation, isReady: ready, isLeaving: leaving)
    }

    static func steps(_ members: [Member], _ desired: Int, generation: Int = 0) -> [Step] {
        ReplicaPlan.steps(members: members, desired: desired, generation: generation)
    }

    @Test("missing pairs are started with the lowest free numbers, which leaving pairs keep")
    func starts() {
        #expect(Self.steps([], 3) == [.start(index: 0), .start(index: 1), .start(index: 2)])
        #expect(Self.steps([Self.member(0), Self.member(2)], 4) == [.start(index: 1), .start(index: 3)])
        #expect(Self.steps([Self.member(0, leaving: true)], 1) == [.start(index: 1)])
    }

    @Test("surplus pairs end: those that do not work first, then the youngest")
    func stops() {
        let members = [Self.member(0), Self.member(1, ready: false), Self.member(2), Self.member(3)]
        #expect(Self.steps(members, 2) == [.stop(index: 1), .stop(index: 3)])
        #expect(Self.steps(members, 0).count == 4)
        #expect(Self.steps(members, 4) == [])
    }

    @Test("new code replaces one pair after the other, the next when the newer ones are ready")
    func rolling() {
        let old = [Self.member(0), Self.member(1)]
        #expect(Self.steps(old, 2, generation: 1) == [.stop(index: 1)])
        let draining = [Self.member(0), Self.member(1, leaving: true)]
        #expect(Self.steps(draining, 2, generation: 1) == [.start(index: 2)])
        let starting = [Self.member(0), Self.member(2, generation: 1, ready: false)]
        #expect(Self.steps(starting, 2, generation: 1) == [])
        let ready = [Self.member(0), Self.member(2, generation: 1)]
        #expect(Self.steps(ready, 2, generation: 1) == [.stop(index: 0)])
        let done = [Self.member(1, generation: 1), Self.member(2, generation: 1)]
        #expect(Self.steps(done, 2, generation: 1) == [])
    }

    @Test("two old pairs are never away at the same time")
    func oneAtATime() {
        let members = [
            Self.member(0), Self.member(1, leaving: true), Self.member(2, generation: 1),
        ]
        #expect(Self.steps(members, 2, generation: 1) == [])
    }

    @Test("old pairs that do not work are replaced at once")
    func brokenOnes() {
        let members = [Self.member(0, ready: false), Self.member(1, ready: false), Self.member(2)]
        #expect(Self.steps(members, 3, generation: 1) == [.stop(index: 0), .stop(index: 1)])
    }
}
