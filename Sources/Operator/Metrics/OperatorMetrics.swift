import Support
import Synchronization

/// The numbers of operator.md 15 in Prometheus' text form. Names are those of controller-runtime, so that dashboards
/// made for the original keep working. Safe to use from any thread.
public final class OperatorMetrics: Sendable {
    /// Seconds; the bounds of controller-runtime, thinned out.
    private static let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

    private struct Histogram {
        var counts = [Int](repeating: 0, count: OperatorMetrics.bounds.count)
        var count = 0
        var sum = 0.0

        mutating func observe(_ seconds: Double) {
            self.count += 1
            self.sum += seconds
            for (index, bound) in OperatorMetrics.bounds.enumerated() where seconds <= bound { self.counts[index] += 1 }
        }
    }

    private struct Values {
        /// Labels in text form → value, by metric.
        var counters: [String: [String: Int]] = [:]
        var histograms: [String: [String: Histogram]] = [:]
    }

    private let values = Mutex(Values())

    /// No numbers yet; the results that dashboards divide by start at 0.
    public init() {
        for result in ["success", "error", "requeue", "requeue_after"] {
            self.add("controller_runtime_reconcile_total", #"controller="asyncactor",result="\#(result)""#, 0)
        }
        self.add("controller_runtime_reconcile_errors_total", #"controller="asyncactor""#, 0)
    }

    /// A request to the API server was answered (or not: `<error>`).
    func requestAnswered(method: String, code: String) {
        self.add("rest_client_requests_total", #"code="\#(code)",method="\#(method)""#)
    }

    /// A reconcile ended.
    func reconciled(_ result: String, duration: Duration) {
        self.add("controller_runtime_reconcile_total", #"controller="asyncactor",result="\#(result)""#)
        if result == "error" { self.add("controller_runtime_reconcile_errors_total", #"controller="asyncactor""#) }
        self.observe("controller_runtime_reconcile_time_seconds", #"controller="asyncactor""#, duration)
    }

    /// A queue was made, checked or deleted.
    func queueOperated(transport: String, operation: String, isSuccess: Bool, duration: Duration) {
        let labels = #"op="\#(operation)",result="\#(isSuccess ? "success" : "error")",transport="\#(transport)""#
        self.add("asya_operator_queue_operations_total", labels)
        self.observe(
            "asya_operator_queue_operation_seconds",
            #"op="\#(operation)",transport="\#(transport)""#,
            duration
        )
    }

    /// The admission webhook answered.
    func webhookAnswered(path: String, code: String) {
        self.add("controller_runtime_webhook_requests_total", #"code="\#(code)",webhook="\#(path)""#)
    }

    private func add(_ name: String, _ labels: String, _ amount: Int = 1) {
        self.values.withLock { $0.counters[name, default: [:]][labels, default: 0] += amount }
    }

    private func observe(_ name: String, _ labels: String, _ duration: Duration) {
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        self.values.withLock { $0.histograms[name, default: [:]][labels, default: Histogram()].observe(seconds) }
    }

    /// The page; `gauges` are read at this moment.
    func page(_ gauges: [Gauge]) -> String {
        let values = self.values.withLock { $0 }
        var page = ""
        for (name, series) in values.counters.sorted(by: { $0.key < $1.key }) {
            page += "# TYPE \(name) counter\n"
            for (labels, value) in series.sorted(by: { $0.key < $1.key }) { page += "\(name){\(labels)} \(value)\n" }
        }
        for (name, series) in values.histograms.sorted(by: { $0.key < $1.key }) {
            page += "# TYPE \(name) histogram\n"
            for (labels, histogram) in series.sorted(by: { $0.key < $1.key }) {
                for (index, bound) in Self.bounds.enumerated() {
                    let text = DecimalText.prometheus(bound)
                    page += "\(name)_bucket{\(labels),le=\"\(text)\"} \(histogram.counts[index])\n"
                }
                page += "\(name)_bucket{\(labels),le=\"+Inf\"} \(histogram.count)\n"
                page += "\(name)_sum{\(labels)} \(DecimalText.prometheus(histogram.sum))\n"
                page += "\(name)_count{\(labels)} \(histogram.count)\n"
            }
        }
        for gauge in gauges {
            page += "# TYPE \(gauge.name) \(gauge.type)\n"
            for (labels, value) in gauge.series.sorted(by: { $0.key < $1.key }) {
                let suffix = labels.isEmpty ? "" : "{\(labels)}"
                page += "\(gauge.name)\(suffix) \(DecimalText.prometheus(value))\n"
            }
        }
        return page
    }

    /// A number that is read rather than counted here.
    struct Gauge {
        var name: String
        var type = "gauge"
        /// Labels in text form → value.
        var series: [String: Double]
    }
}
