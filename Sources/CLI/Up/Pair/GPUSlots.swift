/// The machine's GPUs, handed out to pairs whose manifest asks for `nvidia.com/gpu`.
///
/// Whoever asks first is served first: a pair that needs two is not overtaken for ever by pairs that need one.
struct GPUSlots: Equatable, Sendable {
    /// Who has which device numbers.
    private(set) var holders: [PairID: [Int]] = [:]
    private var free: [Int]
    private var waiting: [Request] = []

    private struct Request: Equatable, Sendable {
        var pair: PairID
        var count: Int
    }

    /// Devices 0 … count-1.
    init(count: Int) {
        self.free = Array(0..<max(count, 0))
    }

    /// All devices, used or not.
    var count: Int { self.free.count + self.holders.values.reduce(0) { $0 + $1.count } }

    /// Asks for devices; `nextGrant` tells when they are there. A pair that needs none is served at once.
    mutating func request(_ pair: PairID, count: Int) {
        precondition(count >= 0 && self.holders[pair] == nil, "a pair asks once for its devices")
        self.waiting.append(Request(pair: pair, count: count))
    }

    /// The next pair that can be served, in the order of asking; call until nil.
    mutating func nextGrant() -> (pair: PairID, devices: [Int])? {
        let index = self.waiting.firstIndex { $0.count == 0 } ?? (self.waiting.isEmpty ? nil : 0)
        guard let index, self.waiting[index].count <= self.free.count else { return nil }
        let request = self.waiting.remove(at: index)
        let devices = Array(self.free.prefix(request.count))
        self.free.removeFirst(request.count)
        self.holders[request.pair] = devices
        return (request.pair, devices)
    }

    /// Takes back what a pair has, or its request.
    mutating func release(_ pair: PairID) {
        self.waiting.removeAll { $0.pair == pair }
        guard let devices = self.holders.removeValue(forKey: pair) else { return }
        self.free = (self.free + devices).sorted()
    }
}
