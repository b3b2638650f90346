@testable import Sidecar

/// What is going to happen in a world, in order of time; events of the same moment in the order they were added.
struct EventQueue {
    private struct Event {
        var time: MonotonicTime
        var number: UInt64
        var work: () -> Void

        func isBefore(_ other: Event) -> Bool {
            (self.time, self.number) < (other.time, other.number)
        }
    }

    /// A binary heap: each event is before its two children at `2 * index + 1` and `+ 2`.
    private var heap: [Event] = []
    private var added: UInt64 = 0

    var nextTime: MonotonicTime? { self.heap.first?.time }

    mutating func add(at time: MonotonicTime, _ work: @escaping () -> Void) {
        self.added += 1
        self.heap.append(Event(time: time, number: self.added, work: work))
        var index = self.heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard self.heap[index].isBefore(self.heap[parent]) else { return }
            self.heap.swapAt(index, parent)
            index = parent
        }
    }

    /// Removes the next event if it is due.
    mutating func popDue(at now: MonotonicTime) -> (() -> Void)? {
        guard let first = self.heap.first, first.time <= now else { return nil }
        self.heap.swapAt(0, self.heap.count - 1)
        self.heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < self.heap.count {
                if self.heap[child].isBefore(self.heap[least]) { least = child }
            }
            guard least != index else { return first.work }
            self.heap.swapAt(index, least)
            index = least
        }
    }
}
