/// The scaling part of an actor's manifest (`crd.md` section 2) in the form the autoscaler works with.
enum ScalingRule: Equatable, Sendable {
    /// Scaling is off: always so many pairs (`workload.replicas`).
    case fixed(replicas: Int)
    /// Scaling is on: the depth of the queue decides.
    case byDepth(DepthRule)

    /// `spec.scaling` with its defaults filled in.
    struct DepthRule: Equatable, Sendable {
        /// Pairs that run although nothing waits.
        var minReplicas: Int
        /// Never more pairs than this; never less than 1.
        var maxReplicas: Int
        /// Messages that one pair is meant to have before it.
        var queueLength: Int
        /// How often the depth is looked at.
        var pollingInterval: Duration
        /// How long nothing may have waited before the last pair ends.
        var cooldownPeriod: Duration

        /// What KEDA's average-value metric asks for: `ceil(depth / queueLength)` between minimum and maximum, and at
        /// least one pair as soon as there is a message at all.
        func recommendation(for depth: QueueDepth) -> Int {
            guard depth.total > 0 else { return self.minReplicas }
            let (quotient, remainder) = depth.total.quotientAndRemainder(dividingBy: max(self.queueLength, 1))
            let wanted = quotient + (remainder > 0 ? 1 : 0)
            return min(max(wanted, self.minReplicas, 1), max(self.maxReplicas, 1))
        }
    }

    /// The replicas to begin with, before any depth is known.
    var initialReplicas: Int {
        switch self {
        case .fixed(let replicas): replicas
        case .byDepth(let rule): rule.minReplicas
        }
    }
}
