import Glibc
import Support

/// Standard output for results, standard error for everything said to people. Writes through at once; a reader that went
/// away ends the program quietly, as a pipe's writer should.
enum Console {
    /// Whether standard output shows colours: a terminal, and nobody has refused (no-color.org).
    static let style = TextStyle(isTerminal: isatty(STDOUT_FILENO) == 1, environment: .process)
    private static let errorStyle = TextStyle(isTerminal: isatty(STDERR_FILENO) == 1, environment: .process)

    /// Columns of the terminal on standard output; nil when it is none.
    static var columnCount: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }

    static func output(_ text: String) { self.output(Array(text.utf8)) }

    static func output(_ bytes: [UInt8]) { self.write(bytes, to: STDOUT_FILENO) }

    /// One JSON document and a line break.
    static func outputJSON(_ build: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        build(&writer)
        self.output(writer.bytes + [UInt8(ascii: "\n")])
    }

    /// Text for people as it is.
    static func prose(_ text: String) { self.write(Array((text + "\n").utf8), to: STDERR_FILENO) }

    /// The markers of cli.md.
    static func information(_ text: String) { self.prose("[.] " + text) }
    static func success(_ text: String) { self.prose(self.errorStyle.green("[+]") + " " + text) }
    static func warning(_ text: String) { self.prose(self.errorStyle.yellow("[!]") + " " + text) }
    static func error(_ text: String) { self.prose(self.errorStyle.red("[-]") + " " + text) }

    /// Text after which an answer is typed.
    static func question(_ text: String) { self.write(Array(text.utf8), to: STDERR_FILENO) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        let code = DescriptorOutput.write(bytes, to: descriptor)
        if code != 0 { self.stop(code, descriptor) }
    }

    private static func stop(_ code: Int32, _ descriptor: Int32) {
        if code == EPIPE { exit(ExitStatus.brokenPipe.rawValue) }
        if descriptor == STDOUT_FILENO {
            self.error("cannot write to standard output: \(String(cString: strerror(code)))")
        }
        exit(ExitStatus.failure.rawValue)
    }
}
