/// The life of a transport that has to connect before it can work.
enum TransportPhase {
    case idle
    /// How many attempts have failed so far.
    case starting(attempt: Int)
    case running, closing, closed

    /// Delays of the first connection (`sidecar.md` section 3): five attempts in all.
    static let startDelays: [Duration] = [.seconds(1), .seconds(2), .seconds(4), .seconds(8)]
}
