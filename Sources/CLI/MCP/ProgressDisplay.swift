internal import Glibc
internal import MCP
internal import Synchronization

/// Progress on standard error: a bar on a terminal, otherwise a line per change (cli.md 1.3, 3.8).
final class ProgressDisplay: Sendable {
    enum Form: Sendable {
        case bar, lines, debug, none
    }

    private static let barWidth = 10
    private struct State {
        var lastLine = ""
        var hasBar = false
    }

    private let form: Form
    private let state = Mutex(State())

    init(_ form: Form) { self.form = form }

    static func form(isDebugging: Bool, isQuiet: Bool) -> Form {
        if isQuiet { return .none }
        if isDebugging { return .debug }
        return isatty(STDERR_FILENO) == 1 ? .bar : .lines
    }

    func show(_ event: EnvelopeEvent) {
        switch self.form {
        case .none: return
        case .debug: Console.prose(event.document.text)
        case .bar:
            let isShown = self.state.withLock { state in
                state.hasBar = state.hasBar || event.percent != nil
                return state.hasBar
            }
            // Back to the start of the line, and the rest of the old text away.
            if isShown { Console.question("\r\(TerminalText.safe(event.bar(width: Self.barWidth)))\u{1B}[K") }
        case .lines:
            let isNew = self.state.withLock { state in
                guard event.percent != nil, event.line != state.lastLine else { return false }
                state.lastLine = event.line
                return true
            }
            if isNew { Console.information(TerminalText.safe(event.line)) }
        }
    }

    func finish() {
        let hadBar = self.state.withLock { state in
            defer { state.hasBar = false }
            return state.hasBar
        }
        if hadBar { Console.prose("") }
    }
}

/// Text from outside on a terminal.
enum TerminalText {
    /// Control characters cannot move the cursor or change colours.
    static func safe(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
