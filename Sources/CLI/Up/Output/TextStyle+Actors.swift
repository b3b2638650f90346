/// Colours of a terminal, or none.
struct TextStyle: Equatable, Sendable {
    static let plain = TextStyle(hasColours: false)

    var hasColours: Bool

    /// Colours when the output is a terminal that can show them and the person has not said no (no-color.org).
    init(isTerminal: Bool, environment: [String: String]) {
        let refuses = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        self.hasColours = isTerminal && !refuses
    }

    init(hasColours: Bool) {
        self.hasColours = hasColours
    }

    func dim(_ text: String) -> String { self.wrapped(text, code: "2") }

    func red(_ text: String) -> String { self.wrapped(text, code: "31") }

    func yellow(_ text: String) -> String { self.wrapped(text, code: "33") }

    /// The colour of an actor's log prefix; neighbours differ, red is left for errors.
    func actor(_ number: Int, _ text: String) -> String {
        let codes = ["36", "32", "35", "34", "33", "96", "92", "95", "94"]
        return self.wrapped(text, code: codes[number % codes.count])
    }

    func coloured(_ text: String, by condition: ActorStatus.Condition) -> String {
        switch condition {
        case .atZero: self.dim(text)
        case .running: text
        case .starting, .draining, .waitingForGPU, .updating: self.yellow(text)
        case .crashLoop: self.red(text)
        }
    }

    private func wrapped(_ text: String, code: String) -> String {
        self.hasColours ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
