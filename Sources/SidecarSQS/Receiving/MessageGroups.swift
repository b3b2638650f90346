/// Order within the groups of a FIFO queue. The queue holds a group back while one of its messages is in flight, but a
/// receive call may bring several of one group; here they are worked on one after the other.
///
/// When a message goes back to the queue, those of its group that were received after it have to go back too: otherwise
/// they would be done before it. Decides only.
struct MessageGroups {
    /// By group, which delivery of it is being worked on.
    private var working: [[UInt8]: UInt64] = [:]
    /// Groups of which a message went back, until the others have.
    private var returned: Set<[UInt8]> = []

    /// Begins with a message if it is its turn. Asked for those that wait, oldest first.
    mutating func begins(_ tag: UInt64, in group: [UInt8]) -> Bool {
        guard self.working[group] == nil, !self.returned.contains(group) else { return false }
        self.working[group] = tag
        return true
    }

    /// A message is done.
    mutating func done(_ tag: UInt64, in group: [UInt8]) {
        if self.working[group] == tag { self.working[group] = nil }
    }

    /// A message went back to the queue, or never came out of it whole.
    mutating func wentBack(_ tag: UInt64?, in group: [UInt8]) {
        if let tag { self.done(tag, in: group) }
        self.returned.insert(group)
    }

    /// Whether the messages of some group have to go back too.
    var hasReturned: Bool { !self.returned.isEmpty }

    /// Whether those of this one have to.
    func hasReturned(_ group: [UInt8]) -> Bool { self.returned.contains(group) }

    /// All that waited has gone back.
    mutating func gaveBack() {
        self.returned.removeAll()
    }
}
