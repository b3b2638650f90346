/// Which pairs of one actor to start and to end, given how many are wanted and which code they were started with.
///
/// A change of code raises the generation. Pairs of an older one are replaced one by one: the next is ended only when
/// all newer pairs are ready, so an actor whose new code does not load keeps working with the old.
enum ReplicaPlan {
    /// What the plan needs to know about a pair.
    struct Member: Equatable, Sendable {
        var index: Int
        var generation: Int
        var isReady: Bool
        /// It is being ended, or has ended and is not forgotten yet.
        var isLeaving: Bool
    }

    enum Step: Equatable, Sendable {
        case start(index: Int)
        case stop(index: Int)
    }

    static func steps(members: [Member], desired: Int, generation: Int) -> [Step] {
        let staying = members.filter { !$0.isLeaving }
        if staying.count > desired {
            return staying.sorted(by: Self.goesBefore).prefix(staying.count - desired).map { .stop(index: $0.index) }
        }
        if staying.count < desired {
            return self.freeIndices(members, count: desired - staying.count).map { .start(index: $0) }
        }
        return self.replacements(members: members, staying: staying, generation: generation)
    }

    /// Whether `left` is ended rather than `right`: first what does not work, then old code, then the youngest.
    private static func goesBefore(_ left: Member, _ right: Member) -> Bool {
        if left.isReady != right.isReady { return !left.isReady }
        if left.generation != right.generation { return left.generation < right.generation }
        return left.index > right.index
    }

    private static func replacements(members: [Member], staying: [Member], generation: Int) -> [Step] {
        let outdated = staying.filter { $0.generation < generation }
        // Those that do not work have nothing to lose.
        let broken = outdated.filter { !$0.isReady }
        guard broken.isEmpty else { return broken.map { .stop(index: $0.index) } }
        let isSettled = staying.allSatisfy { $0.generation < generation || $0.isReady }
        let isReplacing = members.contains { $0.isLeaving && $0.generation < generation }
        guard isSettled, !isReplacing, let next = outdated.min(by: Self.goesBefore) else { return [] }
        return [.stop(index: next.index)]
    }

    /// The lowest numbers that no pair has, so that names and directories stay few.
    private static func freeIndices(_ members: [Member], count: Int) -> [Int] {
        let taken = Set(members.map(\.index))
        return Array((0...).lazy.filter { !taken.contains($0) }.prefix(count))
    }
}
