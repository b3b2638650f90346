/// How often messages were given back, for brokers that do not count deliveries (`sidecar.md` 5.2). Remembers the
/// last 1024 messages by the hash of their bytes; the body contains the id, so one hash stands for the pair.
struct DeliveryHistory {
    static let capacity = 1024

    private var counts: [UInt64: Int] = [:]
    private var order: [UInt64] = []
    private var oldest = 0

    init() {
        self.counts.reserveCapacity(Self.capacity)
    }

    /// Counts one more failed delivery and returns how many there were, this one included.
    mutating func recordFailure(of body: UnsafeRawBufferPointer) -> Int {
        let key = byteHash(body)
        if let count = self.counts[key] {
            self.counts[key] = count + 1
            return count + 1
        }
        if self.order.count < Self.capacity {
            self.order.append(key)
        } else {
            self.counts[self.order[self.oldest]] = nil
            self.order[self.oldest] = key
            self.oldest = (self.oldest + 1) % Self.capacity
        }
        self.counts[key] = 1
        return 1
    }
}
