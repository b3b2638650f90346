import Support

/// One metric of `ASYA_CUSTOM_METRICS` (`sidecar.md` 10.3), checked and with a name that can be shown.
struct CustomMetricDefinition: Equatable, Sendable {
    enum Kind: Equatable, Sendable {
        case counter, gauge
        case histogram(buckets: [Double])
    }

    /// The name as configured, by which handlers may call it too.
    var configuredName: String
    /// The name on the page.
    var name: String
    var kind: Kind
    var help: String
    var labels: [String]

    static let defaultBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Far above what a handler records by hand.
    static let metricLimit = 256
    static let labelLimit = 16
    static let bucketLimit = 128

    /// Reads the whole variable.
    ///
    /// - Parameters:
    ///   - reserved: names that are taken by the sidecar itself.
    ///   - warnings: receives one sentence per metric that is skipped.
    static func parse(
        _ text: String,
        reserved: [String],
        warnings: inout [String]
    ) throws(ConfigurationError) -> [CustomMetricDefinition] {
        let document: JSONValue
        do throws(JSONParseError) {
            document = try JSONValue(parsing: text)
        } catch {
            throw Self.error("is not valid JSON: \(error)")
        }
        if document == .null { return [] }
        guard let items = document.elements else { throw Self.error("is not a JSON array") }
        guard items.count <= Self.metricLimit else { throw Self.error("has more than \(Self.metricLimit) metrics") }
        var definitions: [CustomMetricDefinition] = []
        var taken = Set(reserved)
        for (index, item) in items.enumerated() {
            guard let definition = try Self.read(item, at: index, warnings: &warnings) else { continue }
            for sample in definition.sampleNames where !taken.insert(sample).inserted {
                throw Self.error("uses the name \(sample) twice or it is one of the sidecar's own")
            }
            definitions.append(definition)
        }
        return definitions
    }

    /// Every name the metric occupies on the page.
    var sampleNames: [String] { Self.sampleNames(of: self.name, isHistogram: self.isHistogram) }

    static func sampleNames(of name: String, isHistogram: Bool) -> [String] {
        isHistogram ? [name, name + "_bucket", name + "_sum", name + "_count"] : [name]
    }

    /// Characters outside `[A-Za-z0-9_:]` become `_`; a leading digit gets `_` in front.
    static func sanitised(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_", ":": text.unicodeScalars.append(scalar)
            case "0"..."9":
                if text.isEmpty { text = "_" }
                text.unicodeScalars.append(scalar)
            default: text += "_"
            }
        }
        return text
    }

    private var isHistogram: Bool {
        if case .histogram = self.kind { return true }
        return false
    }

    private static func read(
        _ item: JSONValue,
        at index: Int,
        warnings: inout [String]
    ) throws(ConfigurationError) -> CustomMetricDefinition? {
        guard let members = item.members else { throw self.error("element \(index) is not an object") }
        let configured = try self.text(members["name"], member: "name", at: index)
        guard !configured.isEmpty else { throw self.error("element \(index) has an empty name") }
        let kind: Kind
        let type = try self.text(members["type"], member: "type", at: index)
        switch lowercasedASCII(type) {
        case "counter": kind = .counter
        case "gauge": kind = .gauge
        case "histogram": kind = .histogram(buckets: try self.buckets(members["buckets"], at: index))
        default:
            warnings.append("ASYA_CUSTOM_METRICS: metric \(configured) has an unknown type and is skipped")
            return nil
        }
        return CustomMetricDefinition(
            configuredName: configured,
            name: self.sanitised(configured),
            kind: kind,
            help: try self.text(members["help"], member: "help", at: index),
            labels: try self.labels(members["labels"], at: index)
        )
    }

    private static func text(
        _ value: JSONValue?,
        member: StaticString,
        at index: Int
    ) throws(ConfigurationError) -> String {
        switch value {
        case nil, .null: return ""
        case .string(let text): return text
        default: throw self.error("element \(index): \(member) is not a string")
        }
    }

    private static func labels(_ value: JSONValue?, at index: Int) throws(ConfigurationError) -> [String] {
        guard let value, value != .null else { return [] }
        guard let items = value.elements else { throw self.error("element \(index): labels is not an array") }
        guard items.count <= self.labelLimit else {
            throw self.error("element \(index) has more than \(self.labelLimit) labels")
        }
        var labels: [String] = []
        for item in items {
            guard let label = item.string, self.isLabelName(label) else {
                throw self.error("element \(index) has a label that is not a valid label name")
            }
            guard !labels.contains(label) else { throw self.error("element \(index) has the label \(label) twice") }
            labels.append(label)
        }
        return labels
    }

    /// Names with two leading underscores are Prometheus's own, and `le` belongs to histograms.
    private static func isLabelName(_ name: String) -> Bool {
        !name.isEmpty && name == self.sanitised(name) && !name.utf8.contains(UInt8(ascii: ":"))
            && !name.hasPrefix("__") && name != "le"
    }

    private static func buckets(_ value: JSONValue?, at index: Int) throws(ConfigurationError) -> [Double] {
        guard let value, value != .null else { return self.defaultBuckets }
        guard let items = value.elements else { throw self.error("element \(index): buckets is not an array") }
        guard !items.isEmpty else { return self.defaultBuckets }
        guard items.count <= self.bucketLimit else {
            throw self.error("element \(index) has more than \(self.bucketLimit) buckets")
        }
        var bounds: [Double] = []
        for item in items {
            guard let bound = item.number, bounds.last.map({ $0 < bound }) ?? true else {
                throw self.error("element \(index): buckets must be numbers in rising order")
            }
            bounds.append(bound)
        }
        return bounds
    }

    private static func error(_ problem: String) -> ConfigurationError {
        .invalid(variable: "ASYA_CUSTOM_METRICS", problem: problem)
    }
}
