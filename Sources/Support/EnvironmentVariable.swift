/// One row of a program's table of variables: name, default, bounds, text and how to read the value.
///
/// The rows are the only description of the configuration: the reader works with them and the documentation is
/// generated from them.
public struct EnvironmentVariable<Value: Sendable>: Sendable {
    /// What a text means.
    public enum Reading: Sendable {
        /// A valid value.
        case value(Value)
        /// Usable after a change that is worth a warning.
        case adjusted(Value, note: String)
        /// Not usable: the default counts. The reason never repeats the text, which may be a secret.
        case invalid(reason: String)
    }

    /// The variable's name.
    public let name: String
    /// What counts when the variable is unset, empty or invalid.
    public let defaultValue: Value
    /// The default as documentation shows it; empty when there is none.
    public let defaultText: String
    /// Format and bounds in words.
    public let format: String
    /// What the variable is for, one sentence.
    public let text: String
    private let reading: @Sendable (String) -> Reading

    /// A row with a format of its own.
    public init(
        name: String,
        default defaultValue: Value,
        defaultText: String,
        format: String,
        text: String,
        reading: @escaping @Sendable (String) -> Reading
    ) {
        self.name = name
        self.defaultValue = defaultValue
        self.defaultText = defaultText
        self.format = format
        self.text = text
        self.reading = reading
    }

    /// Reads a text that is not empty.
    public func read(_ text: String) -> Reading { self.reading(text) }

    /// The row without its type, for documentation.
    public var row: EnvironmentVariableRow {
        EnvironmentVariableRow(
            name: self.name,
            defaultText: self.defaultText,
            format: self.format,
            text: self.text
        )
    }
}

/// What documentation shows of a variable.
public struct EnvironmentVariableRow: Equatable, Sendable {
    /// The variable's name.
    public let name: String
    /// The default; empty when there is none.
    public let defaultText: String
    /// Format and bounds in words.
    public let format: String
    /// What the variable is for.
    public let text: String

    /// A row for something that is read another way: a flag, a variable of a library.
    public init(name: String, defaultText: String = "", format: String = "text", text: String) {
        self.name = name
        self.defaultText = defaultText
        self.format = format
        self.text = text
    }

    /// A row of a Markdown table: name, default, format, text.
    public var markdown: String {
        let fallback = self.defaultText.isEmpty ? "—" : "`\(self.defaultText)`"
        return "| `\(self.name)` | \(fallback) | \(self.format) | \(self.text) |"
    }
}

/// What happens to a number outside its bounds.
public enum OutOfBounds: Sendable {
    /// The nearest bound is used.
    case clamp
    /// The default is used.
    case useDefault
}

extension EnvironmentVariable where Value == String {
    /// A variable with any text.
    public static func string(_ name: String, default defaultValue: String, text: String) -> Self {
        Self(name: name, default: defaultValue, defaultText: defaultValue, format: "text", text: text) { .value($0) }
    }
}

extension EnvironmentVariable where Value == String? {
    /// A variable with any text and no default.
    public static func optionalString(_ name: String, text: String) -> Self {
        Self(name: name, default: nil, defaultText: "", format: "text", text: text) { .value($0) }
    }
}

extension EnvironmentVariable where Value == Bool {
    /// `true 1 yes on` or `false 0 no off`, in any case.
    public static func boolean(_ name: String, default defaultValue: Bool, text: String) -> Self {
        Self(
            name: name,
            default: defaultValue,
            defaultText: defaultValue ? "true" : "false",
            format: "boolean",
            text: text
        ) { text in
            switch lowercasedASCII(text) {
            case "true", "1", "yes", "on": .value(true)
            case "false", "0", "no", "off": .value(false)
            default: .invalid(reason: "not a boolean (true, false)")
            }
        }
    }
}

extension EnvironmentVariable where Value == Int {
    /// Optional sign and decimal digits.
    public static func integer(
        _ name: String,
        default defaultValue: Int,
        in bounds: ClosedRange<Int>,
        outside: OutOfBounds = .useDefault,
        text: String
    ) -> Self {
        Self(
            name: name,
            default: defaultValue,
            defaultText: String(defaultValue),
            format: integerFormat(bounds),
            text: text
        ) { text in
            guard let value = Int(text) else { return .invalid(reason: "not an integer") }
            if bounds.contains(value) { return .value(value) }
            let nearest = min(max(value, bounds.lowerBound), bounds.upperBound)
            return outside == .clamp
                ? .adjusted(nearest, note: "outside of its bounds, using \(nearest)")
                : .invalid(reason: "outside of its bounds")
        }
    }
}

extension EnvironmentVariable where Value == Int? {
    /// An integer whose absence means something of its own.
    public static func optionalInteger(
        _ name: String,
        in bounds: ClosedRange<Int>,
        unsetText: String,
        text: String
    ) -> Self {
        Self(name: name, default: nil, defaultText: unsetText, format: integerFormat(bounds), text: text) { text in
            guard let value = Int(text) else { return .invalid(reason: "not an integer") }
            return bounds.contains(value) ? .value(value) : .invalid(reason: "outside of its bounds")
        }
    }
}

extension EnvironmentVariable where Value == Duration {
    /// A duration in Go's notation, at least `minimum`; nil: also a negative one.
    public static func duration(
        _ name: String,
        default defaultValue: Duration,
        atLeast minimum: Duration? = .zero,
        text: String
    ) -> Self {
        let bound = minimum.flatMap { $0 == .zero ? nil : " ≥ \(GoDuration($0))" } ?? ""
        return Self(
            name: name,
            default: defaultValue,
            defaultText: GoDuration(defaultValue).description,
            format: "duration" + bound,
            text: text
        ) { text in
            guard let value = GoDuration(parsing: text)?.duration else {
                return .invalid(reason: "not a duration (such as 5m or 1.5s)")
            }
            guard let minimum, value < minimum else { return .value(value) }
            return .invalid(reason: "below \(GoDuration(minimum))")
        }
    }
}

private func integerFormat(_ bounds: ClosedRange<Int>) -> String {
    switch (bounds.lowerBound, bounds.upperBound) {
    case (.min, .max): "integer"
    case (let lower, .max): "integer ≥ \(lower)"
    case (let lower, let upper): "integer, \(lower)…\(upper)"
    }
}

/// Lower case of the letters A to Z; everything else unchanged.
public func lowercasedASCII(_ text: String) -> String {
    String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }, as: UTF8.self)
}
