/// The two processes of a pair.
enum PairRole: String, Equatable, Sendable, CaseIterable {
    case sidecar
    case runtime
}
