/// The queues as `asya up` needs them, whatever the transport. Used from the main thread alone; every call is short.
protocol QueueMonitor: AnyObject {
    /// Makes the queues that do not exist.
    func create(_ queueNames: [String]) throws(UpError)

    /// What is known of each queue, in the order of the names.
    func readings(of queueNames: [String]) throws(UpError) -> [QueueReading]

    /// Reports arrivals in these queues, and only these, from now on.
    func watch(_ queueNames: [String])

    /// Whether `descriptors` tell of every arrival at once; otherwise the caller looks at the depth often.
    var isImmediate: Bool { get }

    /// Each becomes readable when a message may have arrived in a watched queue.
    var descriptors: [Int32] { get }

    /// The watched queues behind these descriptors, which are quiet again until the next arrival.
    func arrivals(on descriptors: Set<Int32>) -> [String]

    /// Upkeep; called every few seconds while something happens.
    func maintain()

    /// Ends all connections.
    func close()
}

/// One look at a queue.
struct QueueReading: Equatable, Sendable {
    /// Messages that no sidecar has taken.
    var queued: Int
    /// Messages that sidecars hold; nil when the transport does not tell.
    var inFlight: Int?
    /// Messages that were acknowledged in the life of the queue; nil when the transport does not count them.
    var acknowledged: Int?
}
