/// What the pipeline tells the gateway (`sidecar.md` section 9). Nothing here blocks; the calls copy what they need.
/// Only used when a gateway is configured, so it may allocate.
protocol GatewayReporting: AnyObject {
    /// Queues one progress report; drops the oldest one that is not `completed` when the queue is full (9.2).
    ///
    /// - Parameters:
    ///   - actorsJSON: JSON text of `route.actors`, copied.
    ///   - currentIndex: index of the actor that does the work.
    func reportProgress(_ stage: ProgressStage, id: String, actorsJSON: UnsafeRawBufferPointer, currentIndex: Int)

    /// Calls `done` once every queued report of this envelope has been attempted, at the latest after 1 s; at once
    /// (inside this call) when there is none.
    func whenReportsAttempted(id: String, done: @escaping () -> Void)

    /// Registers the children of one fan-out, several at once, and calls `done` when all were answered or after 5 s.
    /// Failures are logged only (9.3).
    func registerChildren(_ children: [ChildRegistration], done: @escaping () -> Void)

    /// Sends a terminal status with the retries of 9.4 and calls `done` exactly once.
    func reportFinal(_ report: FinalReport, done: @escaping (FinalReportOutcome) -> Void)

    /// An orderly shutdown has begun: a final status that is not accepted within five seconds, or within five seconds
    /// of its first attempt when that is later, is `unreachable`.
    func hurry()

    /// Stops retrying: everything under way is answered with `unreachable` at once (forced shutdown).
    func abandon()
}

/// A step of one hop.
enum ProgressStage: Equatable {
    case received(messageByteCount: Int)
    case processing(actor: String)
    case completed(after: Duration)
}

/// A fan-out child with index 1 or higher.
struct ChildRegistration: Equatable {
    var id: String
    var parentID: String
    var actorsJSON: [UInt8]
    var currentIndex: Int
}

/// A terminal status, as far as the envelope tells (9.4). JSON members are raw text.
struct FinalReport: Equatable {
    enum Status: Equatable {
        case succeeded(resultJSON: [UInt8]?)
        case failed(errorJSON: [UInt8]?, detailsJSON: [UInt8]?, route: RouteFacts?)
        case timedOut
    }
    struct RouteFacts: Equatable {
        var actorsJSON: [UInt8]
        var currentIndex: Int
        /// JSON text of the current actor's name, when the index is in range.
        var currentActorJSON: [UInt8]?
    }
    var id: String
    var status: Status
    /// Limit of a single attempt without retries, for the report before a crash; nil means the retries of 9.4.
    var singleAttemptLimit: Duration?
}

/// How a final report ended.
enum FinalReportOutcome: Equatable {
    case accepted
    /// The gateway answered and does not want it: acknowledge the message all the same.
    case rejected
    /// No answer within 30 s: give the message back.
    case unreachable
}
