/// All pods of an actor together (operator.md 10). Pure.
struct PodSummary: Equatable, Sendable {
    var ready = 0
    var pending = 0
    var failing = 0
    /// Pods that are not on their way out.
    var total = 0
    /// The first problem, in the order of the pods' names.
    var problem: String?

    init(_ pods: [PodAssessment]) {
        for pod in pods {
            switch pod.state {
            case .terminating: continue
            case .ready: self.ready += 1
            case .pending: self.pending += 1
            case .failing: self.failing += 1
            case .other: break
            }
            self.total += 1
            if self.problem == nil { self.problem = pod.problem }
        }
    }

    /// What the pods mean for the condition WorkloadReady.
    enum Health: Equatable {
        case healthy
        /// Pods are wanted and none is there yet.
        case pending
        case unhealthy(String)
    }

    /// No pods are fine when none are wanted (operator.md OB3).
    func health(desiredReplicas: Int) -> Health {
        if self.total == 0 { return desiredReplicas > 0 ? .pending : .healthy }
        return self.problem.map(Health.unhealthy) ?? .healthy
    }
}
