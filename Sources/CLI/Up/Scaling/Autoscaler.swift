/// How many pairs one actor should have, decided as KEDA and its HPA decide it in a cluster (`operator.md` section 13),
/// without a clock: every method is told the time, counted from any fixed moment.
///
/// - Up: at once to `ceil(depth / queueLength)`, looked at every polling interval. From zero the first message is
///   enough; the caller reports it the moment the queue does, without waiting for the interval.
/// - Down, to one or more: to the highest recommendation of the last `cooldownPeriod`, at most five minutes (the HPA's
///   stabilisation window), so that a short pause does not end pairs that are needed again right after it.
/// - Down to zero: when nothing was queued or in flight for `cooldownPeriod`.
struct Autoscaler: Equatable, Sendable {
    /// The stabilisation window of the Kubernetes objects that the operator makes.
    static let longestStabilisation: Duration = .seconds(300)

    let rule: ScalingRule
    /// The wanted number of pairs.
    private(set) var desired: Int
    /// When the depth should be looked at next; nil when it does not matter.
    private(set) var nextPoll: Duration?
    private var lastActive: Duration?
    /// Recommendations inside the window that a later one did not exceed: counts fall strictly, so it has at most
    /// `maxReplicas` entries.
    private var window: [Recommendation] = []

    private struct Recommendation: Equatable, Sendable {
        var time: Duration
        var replicas: Int
    }

    /// An autoscaler that looks at the depth for the first time at `now`.
    init(rule: ScalingRule, now: Duration) {
        self.rule = rule
        self.desired = rule.initialReplicas
        if case .byDepth = rule { self.nextPoll = now }
    }

    /// Whether the arrival of a single message changes `desired`, so that waiting for the interval would be wrong.
    var waitsForFirstMessage: Bool {
        if case .byDepth = self.rule { return self.desired == 0 }
        return false
    }

    /// Takes note of the depth and returns the wanted number of pairs.
    mutating func observe(_ depth: QueueDepth, now: Duration) -> Int {
        guard case .byDepth(let rule) = self.rule else { return self.desired }
        self.nextPoll = now + rule.pollingInterval
        if depth.total > 0 { self.lastActive = now }
        let recommended = self.stabilised(rule.recommendation(for: depth), by: rule, now: now)
        self.desired = recommended == 0 && self.isCoolingDown(by: rule, now: now) ? 1 : recommended
        return self.desired
    }

    /// The depth could not be read: everything stays as it is until the next look.
    mutating func postpone(now: Duration) {
        if case .byDepth(let rule) = self.rule { self.nextPoll = now + rule.pollingInterval }
    }

    /// The highest recommendation of the window that ends now.
    private mutating func stabilised(_ replicas: Int, by rule: ScalingRule.DepthRule, now: Duration) -> Int {
        let length = min(rule.cooldownPeriod, Self.longestStabilisation)
        self.window.removeAll { $0.time + length <= now }
        while let last = self.window.last, last.replicas <= replicas { self.window.removeLast() }
        self.window.append(Recommendation(time: now, replicas: replicas))
        return self.window.first?.replicas ?? replicas
    }

    /// Whether it is too early to end the last pair.
    private func isCoolingDown(by rule: ScalingRule.DepthRule, now: Duration) -> Bool {
        guard self.desired > 0, let lastActive = self.lastActive else { return false }
        return now < lastActive + rule.cooldownPeriod
    }
}
