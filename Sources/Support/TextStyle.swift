/// Colours of a terminal, or none.
public struct TextStyle: Equatable, Sendable {
    /// No colours.
    public static let plain = TextStyle(hasColours: false)

    /// Whether texts come out coloured.
    public var hasColours: Bool

    /// Colours or none, whatever the output is.
    public init(hasColours: Bool) {
        self.hasColours = hasColours
    }

    /// Colours when the output is a terminal that can show them and the person has not said no (no-color.org).
    public init(isTerminal: Bool, environment: EnvironmentReader) {
        self.hasColours = isTerminal && environment.text("NO_COLOR") == nil && environment.text("TERM") != "dumb"
    }

    /// For headings.
    public func bold(_ text: String) -> String { self.wrapped(text, "1") }
    /// For what matters less.
    public func dim(_ text: String) -> String { self.wrapped(text, "2") }
    /// For errors.
    public func red(_ text: String) -> String { self.wrapped(text, "31") }
    /// For success.
    public func green(_ text: String) -> String { self.wrapped(text, "32") }
    /// For warnings.
    public func yellow(_ text: String) -> String { self.wrapped(text, "33") }

    /// The text in the colour of an SGR code (ECMA-48 8.3.117), with the usual one behind it.
    public func wrapped(_ text: String, _ code: String) -> String {
        self.hasColours ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
