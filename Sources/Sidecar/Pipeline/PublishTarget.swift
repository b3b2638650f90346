import Glibc
import Support

/// A destination together with its metrics, resolved once per queue.
final class PublishTarget {
    /// `message_type` of `messages_sent_total`.
    enum Kind: String {
        case routing
        case happyEnd = "happy_end"
        case errorEnd = "error_end"
        case deadLetter = "dead_letter"
    }

    let destination: Destination
    let sent: Counter
    let sendDuration: Histogram

    /// - Parameter label: value of `destination_queue`, which is not always the queue's full name
    ///   (`sidecar.md` 10.2).
    init(_ destination: Destination, kind: Kind, label: String, metrics: SidecarMetrics) {
        self.destination = destination
        self.sent = metrics.sentCounter(destinationQueue: label, messageType: kind.rawValue)
        self.sendDuration = metrics.sendDuration(destinationQueue: label)
    }
}

/// The actors this sidecar has routed to, found by the bytes of a name without making a string.
struct PublishTargetTable {
    /// Routes come from outside: beyond this many different names the oldest entry is replaced.
    static let capacity = 256

    private var entries: [(hash: UInt64, target: PublishTarget)] = []
    private var oldest = 0
    /// Most actors publish to one or two queues: the last hit is tried first.
    private var lastHit = 0
    private let metrics: SidecarMetrics

    init(metrics: SidecarMetrics) {
        self.metrics = metrics
    }

    mutating func target(forActor name: UnsafeRawBufferPointer) -> PublishTarget {
        let hash = byteHash(name)
        if self.lastHit < self.entries.count, self.matches(self.lastHit, hash, name) {
            return self.entries[self.lastHit].target
        }
        for index in self.entries.indices where self.matches(index, hash, name) {
            self.lastHit = index
            return self.entries[index].target
        }
        let destination = Destination(actorName: String(decoding: name, as: UTF8.self))
        let target = PublishTarget(
            destination,
            kind: .routing,
            label: destination.queueName,
            metrics: self.metrics
        )
        self.insert((hash, target))
        return target
    }

    private mutating func insert(_ entry: (hash: UInt64, target: PublishTarget)) {
        if self.entries.count < Self.capacity {
            self.entries.append(entry)
            self.lastHit = self.entries.count - 1
        } else {
            self.entries[self.oldest] = entry
            self.lastHit = self.oldest
            self.oldest = (self.oldest + 1) % Self.capacity
        }
    }

    private func matches(_ index: Int, _ hash: UInt64, _ name: UnsafeRawBufferPointer) -> Bool {
        let entry = self.entries[index]
        guard entry.hash == hash else { return false }
        var known = entry.target.destination.actorName
        return known.withUTF8 { bytes in
            guard bytes.count == name.count else { return false }
            guard let left = bytes.baseAddress, let right = name.baseAddress else { return name.isEmpty }
            return memcmp(left, right, name.count) == 0
        }
    }
}
