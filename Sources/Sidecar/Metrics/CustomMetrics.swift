import Envelope
import Logging

/// The metrics a handler may record (`sidecar.md` 10.3). What a reply asks for is applied as far as it makes sense;
/// the rest is ignored with one warning per cause and name, so that a handler's mistake cannot flood the log.
final class CustomMetrics {
    /// Values applied per reply; the runtime itself stops earlier.
    static let valueLimit = 1024
    private static let warningLimit = 64

    private enum Family {
        case counter(MetricFamily<Counter>)
        case gauge(MetricFamily<Gauge>)
        case histogram(MetricFamily<Histogram>)
    }

    private struct Metric {
        let family: Family
        let labels: [String]
    }

    private var metrics: [String: Metric] = [:]
    private var warned: Set<String> = []
    private let logger: Logger

    init(_ definitions: [CustomMetricDefinition], registry: MetricsRegistry, logger: Logger) {
        self.logger = logger
        let overflowed: (String) -> Void = { name in
            logger.warning(
                "Too many label values for a metric, further ones are counted as other",
                metadata: ["metric": "\(name)"]
            )
        }
        for definition in definitions {
            let metric = Metric(
                family: Self.family(definition, registry: registry, overflowed: overflowed),
                labels: definition.labels
            )
            self.metrics[definition.name] = metric
            self.metrics[definition.configuredName] = metric
        }
    }

    /// Applies the array at `range` of a reply that was scanned before.
    func apply(rangeOf range: Range<Int>, in bytes: UnsafeRawBufferPointer) {
        self.apply(metricsJSON: UnsafeRawBufferPointer(rebasing: bytes[range]))
    }

    /// Applies the JSON text of a `metrics` member.
    func apply(metricsJSON bytes: UnsafeRawBufferPointer) {
        let top: JSONValue
        do throws(JSONFault) {
            top = try JSONValue.scan(bytes)
        } catch {
            self.warn("Metrics of a reply cannot be read, ignored", metric: "")
            return
        }
        guard let entries = top.elements(in: bytes) else {
            self.warn("Metrics of a reply are not an array, ignored", metric: "")
            return
        }
        var count = 0
        for entry in entries {
            count += 1
            guard count <= Self.valueLimit else {
                self.warn("Too many metric values in one reply, the others are ignored", metric: "")
                return
            }
            self.apply(entry, in: bytes)
        }
    }

    private func apply(_ entry: JSONValue, in bytes: UnsafeRawBufferPointer) {
        var name: String?
        var value: Double?
        var labels: JSONMembers?
        guard let members = entry.members(in: bytes) else {
            self.warn("Metric value is not an object, ignored", metric: "")
            return
        }
        for member in members {
            if member.name.equals("name", in: bytes) {
                name = member.value.string?.string(in: bytes)
            } else if member.name.equals("value", in: bytes) {
                value = member.value.double(in: bytes)
            } else if member.name.equals("labels", in: bytes) {
                labels = member.value.members(in: bytes)
            }
        }
        guard let name, let metric = self.metrics[name] else {
            self.warn("Value for an unknown metric, ignored", metric: name ?? "")
            return
        }
        guard let value, value.isFinite else {
            self.warn("Metric value is not a finite number, ignored", metric: name)
            return
        }
        guard let labelValues = self.labelValues(of: metric, from: labels, in: bytes) else {
            self.warn("Metric value without all its labels, ignored", metric: name)
            return
        }
        self.record(value, metric, labelValues, name: name)
    }

    private func record(_ value: Double, _ metric: Metric, _ labels: [String], name: String) {
        switch metric.family {
        case .counter(let family):
            guard value >= 0 else {
                self.warn("Counter cannot go down, ignored", metric: name)
                return
            }
            family.series(labels).add(value)
        case .gauge(let family): family.series(labels).set(value)
        case .histogram(let family): family.series(labels).observe(value)
        }
    }

    /// The values in the order of the definition; labels that are not defined are ignored.
    private func labelValues(
        of metric: Metric,
        from members: JSONMembers?,
        in bytes: UnsafeRawBufferPointer
    ) -> [String]? {
        if metric.labels.isEmpty { return [] }
        guard let members else { return nil }
        var values = [String?](repeating: nil, count: metric.labels.count)
        for member in members {
            guard let index = metric.labels.firstIndex(where: { member.name.equals($0, in: bytes) }) else { continue }
            switch member.value.kind {
            case .string: values[index] = member.value.string?.string(in: bytes)
            // Handlers write numbers and flags as labels; their text is as good.
            case .number, .bool: values[index] = String(decoding: bytes[member.value.range], as: UTF8.self)
            case .null, .array, .object: values[index] = nil
            }
        }
        let given = values.compactMap { $0 }
        return given.count == values.count ? given : nil
    }

    private func warn(_ text: StaticString, metric: String) {
        let key = "\(text) \(metric.prefix(200))"
        guard self.warned.count < Self.warningLimit, self.warned.insert(key).inserted else { return }
        self.logger.warning("\(text)", metadata: metric.isEmpty ? [:] : ["metric": "\(metric.prefix(200))"])
    }

    private static func family(
        _ definition: CustomMetricDefinition,
        registry: MetricsRegistry,
        overflowed: @escaping (String) -> Void
    ) -> Family {
        let name = definition.name
        let help = definition.help
        let labels = definition.labels
        switch definition.kind {
        case .counter:
            let family = registry.add(
                MetricFamily(counter: name, help: help, labels: labels, overflowed: overflowed)
            )
            if labels.isEmpty { family.series([]).show() }
            return .counter(family)
        case .gauge:
            let family = registry.add(MetricFamily(gauge: name, help: help, labels: labels, overflowed: overflowed))
            if labels.isEmpty { family.series([]).show() }
            return .gauge(family)
        case .histogram(let buckets):
            let family = registry.add(
                MetricFamily(
                    histogram: name,
                    help: help,
                    labels: labels,
                    buckets: buckets,
                    overflowed: overflowed
                )
            )
            if labels.isEmpty { family.series([]).show() }
            return .histogram(family)
        }
    }
}
