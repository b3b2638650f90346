/// Everything `asya up` tells: a closed list, so that text and JSON say the same.
enum UpEvent: Equatable, Sendable {
    enum Severity: String, Equatable, Sendable {
        case information
        case success
        case warning
        case error
    }

    /// A sentence about the run as a whole.
    case notice(Severity, String)
    /// A line that a process wrote.
    case log(LogSource, line: [UInt8])
    /// The autoscaler, or the person by the manifest, wants another number of pairs.
    case scaled(actor: String, from: Int, to: Int, depth: QueueDepth)
    /// Everything is set up: so many actors, with their queues in this file or on this broker.
    case started(actorCount: Int, place: String, milliseconds: Int)
    /// A pair takes messages now; the process ids are for whoever wants to look at it closely.
    case ready(PairID, sidecar: Int32, runtime: Int32)
    /// A process ended although nobody asked it to.
    case failed(PairID, PairRole, ProcessEnd, retryAfter: Duration, isCrashLoop: Bool)
    /// A pair did not finish its message in time and was killed.
    case drainTimedOut(PairID)
    /// The gateway answers; `isFirst`: for the first time in this run.
    case gatewayReady(url: String, process: Int32, isFirst: Bool)
    /// The gateway ended although nobody asked it to.
    case gatewayFailed(ProcessEnd, retryAfter: Duration, isCrashLoop: Bool)
    /// The numbers of all actors, and how the gateway is when there is one.
    case status([ActorStatus], GatewayStatus?)
}

/// Who wrote a line.
enum LogSource: Equatable, Sendable {
    case pair(PairID, PairRole)
    case gateway
}
