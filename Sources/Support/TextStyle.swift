/// Colours of a terminal, or none.
struct TextStyle: Equatable, Sendable {
    var hasColours: Bool

    /// Colours when the output is a terminal that can show them and the person has not said no (no-color.org).
    init(isTerminal: Bool, refusal: String?, terminal: String?) {
        self.hasColours = isTerminal && refusal == nil && terminal != "dumb"
    }

    func bold(_ text: String) -> String { self.wrapped(text, "1") }
    func dim(_ text: String) -> String { self.wrapped(text, "2") }
    func red(_ text: String) -> String { self.wrapped(text, "31") }
    func green(_ text: String) -> String { self.wrapped(text, "32") }
    func yellow(_ text: String) -> String { self.wrapped(text, "33") }

    private func wrapped(_ text: String, _ code: String) -> String {
        self.hasColours ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
