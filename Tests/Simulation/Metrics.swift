import Logging

@testable import Sidecar

/// Metrics of one sidecar, not shown to anybody.
func makeMetrics() -> SidecarMetrics {
    SidecarMetrics(namespace: "asya_actor", queue: Scenario.ownName, transport: "simulated", logger: makeLogger())
}

func activeMessages(_ metrics: SidecarMetrics) -> Double {
    metrics.activeMessages.value
}

/// A logger that says nothing: what is wrong in a world is said by its violation.
func makeLogger() -> Logger {
    Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
}
