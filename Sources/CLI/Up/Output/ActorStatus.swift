/// What `asya up` shows of one actor.
struct ActorStatus: Equatable, Sendable {
    /// What a person should know besides the numbers.
    enum Condition: Equatable, Sendable {
        /// No pair runs and none is wanted.
        case atZero
        case running
        case starting
        case draining
        /// Pairs wait for a free GPU.
        case waitingForGPU
        /// A pair fails again and again.
        case crashLoop
        /// Pairs are being replaced because the code has changed.
        case updating
    }

    var name: String
    var condition: Condition
    /// Pairs that take messages.
    var ready: Int
    /// Pairs that the autoscaler wants.
    var desired: Int
    var depth: QueueDepth
    /// Messages that left the actor since `asya up` started, errors included.
    var done: Int
    /// Of these per second, over the last seconds.
    var donePerSecond: Double
    /// Messages that went to error-end, or were refused.
    var errors: Int
}

extension ActorStatus.Condition {
    /// The word for it in the table and in JSON.
    var word: String {
        switch self {
        case .atZero: "at zero"
        case .running: "running"
        case .starting: "starting"
        case .draining: "draining"
        case .waitingForGPU: "waiting for a GPU"
        case .crashLoop: "crash loop"
        case .updating: "updating"
        }
    }
}
