import Logging
import Support

@testable import Sidecar

/// Metrics of one sidecar, not shown to anybody.
func makeMetrics() -> SidecarMetrics {
    SidecarMetrics()
}

func activeMessages(_ metrics: SidecarMetrics) -> Double {
    metrics.activeMessages.value
}

/// A logger that says nothing: every failure of a world is one of the worlds's own sentences.
func makeLogger() -> Logger {
    Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
}
