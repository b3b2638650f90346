/// Doubly linked lists through small integers: nodes are indices of somebody else's array. Adding and removing
/// anywhere is O(1) and allocates nothing, which keeps a full report queue cheap.
struct NodeLinks {
    /// One list; `NodeLinks` holds the links of all lists over the same nodes. A node is in one of them at most.
    struct List: Equatable {
        fileprivate(set) var first = NodeLinks.none
        fileprivate var last = NodeLinks.none

        var isEmpty: Bool { self.first == NodeLinks.none }
        /// The oldest node.
        var head: Int? { self.isEmpty ? nil : Int(self.first) }
    }

    private static let none: Int32 = -1

    private var previous: [Int32] = []
    private var next: [Int32] = []

    /// Makes room for one more node.
    mutating func addNode() {
        self.previous.append(Self.none)
        self.next.append(Self.none)
    }

    mutating func append(_ node: Int, to list: inout List) {
        let link = Int32(node)
        self.previous[node] = list.last
        self.next[node] = Self.none
        if list.last == Self.none {
            list.first = link
        } else {
            self.next[Int(list.last)] = link
        }
        list.last = link
    }

    mutating func remove(_ node: Int, from list: inout List) {
        let before = self.previous[node]
        let after = self.next[node]
        if before == Self.none { list.first = after } else { self.next[Int(before)] = after }
        if after == Self.none { list.last = before } else { self.previous[Int(after)] = before }
        self.previous[node] = Self.none
        self.next[node] = Self.none
    }
}
