/// Writes families and samples of Prometheus' text format.
struct MetricsText {
    private(set) var text = ""

    mutating func family(_ name: String, _ type: String, _ help: String) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Int) {
        self.line(name, labels, String(value))
    }

    /// A family with one sample.
    mutating func single(_ name: String, _ type: String, _ help: String, _ value: Int) {
        self.family(name, type, help)
        self.sample(name, [], value)
    }

    /// A family with one sample that has a fraction.
    mutating func single(_ name: String, _ type: String, _ help: String, _ value: Double) {
        self.family(name, type, help)
        self.line(name, [], String(value))
    }

    /// A counter with one label.
    mutating func counters(_ name: String, _ help: String, _ label: String, _ byLabel: [String: Int]) {
        self.family(name, "counter", help)
        for (value, count) in byLabel.sorted(by: { $0.key < $1.key }) { self.sample(name, [(label, value)], count) }
    }

    mutating func histograms(_ name: String, _ help: String, _ label: String, _ byLabel: [String: Histogram]) {
        self.family(name, "histogram", help)
        for (value, histogram) in byLabel.sorted(by: { $0.key < $1.key }) {
            self.series(name, [(label, value)], histogram)
        }
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        self.family(name, "histogram", help)
        self.series(name, [], histogram)
    }

    mutating func series(_ name: String, _ labels: [(String, String)], _ histogram: Histogram) {
        for (bound, count) in zip(histogram.bounds, histogram.cumulativeCounts) {
            self.line("\(name)_bucket", labels + [("le", "\(bound)")], String(count))
        }
        self.line("\(name)_bucket", labels + [("le", "+Inf")], String(histogram.count))
        self.line("\(name)_sum", labels, String(histogram.sumSeconds))
        self.line("\(name)_count", labels, String(histogram.count))
    }

    private mutating func line(_ name: String, _ labels: [(String, String)], _ value: String) {
        self.text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
            self.text += "{" + pairs.joined(separator: ",") + "}"
        }
        self.text += " \(value)\n"
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
