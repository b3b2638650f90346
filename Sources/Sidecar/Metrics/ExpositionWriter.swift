import Support

/// The two text formats of a metrics page (`sidecar.md` 10.1).
enum ExpositionFormat: Equatable {
    /// Prometheus text format 0.0.4.
    case prometheus
    /// OpenMetrics in this version; the bodies of the versions do not differ.
    case openMetrics(version: String)

    var contentType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics(let version): "application/openmetrics-text; version=\(version); charset=utf-8"
        }
    }
}

/// Builds a metrics page exactly as the Go client library formats it, byte for byte, because dashboards and tests
/// have grown on its output.
struct ExpositionWriter {
    let isOpenMetrics: Bool
    private(set) var bytes: [UInt8] = []

    init(format: ExpositionFormat, capacity: Int = 8192) {
        self.isOpenMetrics = format != .prometheus
        self.bytes.reserveCapacity(capacity)
    }

    /// The `# HELP` and `# TYPE` lines of a family.
    mutating func header(name: String, help: String, type: StaticString) {
        var familyName = Substring(name)
        var isUntypedCounter = false
        if self.isOpenMetrics, type.description == "counter" {
            // There a counter's family is called without the suffix of its sample; without a suffix it is no counter.
            if name.hasSuffix("_total") {
                familyName = name.dropLast("_total".count)
            } else {
                isUntypedCounter = true
            }
        }
        self.append("# HELP ")
        self.append(familyName)
        self.append(" ")
        Self.appendEscaped(help, escapesQuotes: self.isOpenMetrics, to: &self.bytes)
        self.append("\n# TYPE ")
        self.append(familyName)
        self.append(" ")
        self.append(isUntypedCounter ? "unknown" : Substring(type.description))
        self.append("\n")
    }

    mutating func sample(_ name: String, suffix: Substring = "", labels: [UInt8], float value: Double) {
        self.beginSample(name, suffix: suffix, labels: labels)
        self.append(self.text(of: value))
        self.append("\n")
    }

    /// A count: OpenMetrics writes it without a fraction.
    mutating func sample(_ name: String, suffix: Substring, labels: [UInt8], integer value: UInt64) {
        self.beginSample(name, suffix: suffix, labels: labels)
        self.append(self.text(of: value))
        self.append("\n")
    }

    mutating func bucket(_ name: String, labels: [UInt8], bound: Double, count: UInt64) {
        self.append(Substring(name))
        self.append("_bucket{")
        self.bytes.append(contentsOf: labels)
        if !labels.isEmpty { self.append(",") }
        self.append("le=\"")
        self.append(self.text(of: bound))
        self.append("\"} ")
        self.append(self.text(of: count))
        self.append("\n")
    }

    /// Ends the page.
    mutating func finish() {
        if self.isOpenMetrics { self.append("# EOF\n") }
    }

    /// Appends `name="value"`.
    static func appendLabel(_ name: String, _ value: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: "=\"".utf8)
        self.appendEscaped(value, escapesQuotes: true, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private static func appendEscaped(_ text: String, escapesQuotes: Bool, to bytes: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where escapesQuotes: bytes.append(contentsOf: "\\\"".utf8)
            default: bytes.append(byte)
            }
        }
    }

    private mutating func beginSample(_ name: String, suffix: Substring, labels: [UInt8]) {
        self.append(Substring(name))
        self.append(suffix)
        if !labels.isEmpty {
            self.append("{")
            self.bytes.append(contentsOf: labels)
            self.append("}")
        }
        self.append(" ")
    }

    private func text(of value: Double) -> Substring {
        Substring(self.isOpenMetrics ? DecimalText.openMetrics(value) : DecimalText.prometheus(value))
    }

    private func text(of count: UInt64) -> Substring {
        Substring(self.isOpenMetrics ? String(count) : DecimalText.prometheus(Double(count)))
    }

    private mutating func append(_ text: Substring) {
        self.bytes.append(contentsOf: text.utf8)
    }
}
