import Glibc
import Support

/// What the sidecar says of itself; it has no options, its configuration is the environment.
public enum SidecarHelp {
    /// An answer for the command line, nil when there were no arguments and the sidecar should run.
    public static func answer(to arguments: [String]) -> (text: String, exitStatus: Int32)? {
        guard let first = arguments.first else { return nil }
        switch (first, arguments.count) {
        case ("--version", 1): return ("asya-sidecar \(BuildVersion.current)", 0)
        case ("--help", 1), ("-h", 1): return (self.reference.plainText, 0)
        case ("--help=markdown", 1): return (self.reference.markdown, 0)
        default:
            return ("asya-sidecar takes no arguments but --help, --help=markdown and --version: \(first)", 2)
        }
    }

    /// Answers and ends the program when there are arguments.
    public static func exitWithAnswer(to arguments: [String]) {
        guard let answer = self.answer(to: arguments) else { return }
        let text = answer.text + "\n"
        _ = write(answer.exitStatus == 0 ? STDOUT_FILENO : STDERR_FILENO, text, text.utf8.count)
        exit(answer.exitStatus)
    }

    private static let reference = ProgramReference(
        program: "asya-sidecar",
        title: "Variables of the sidecar",
        usage: "[--help | --help=markdown | --version]",
        introduction: """
            The sidecar of one actor: takes envelopes from its queue, calls the runtime over a Unix socket, publishes the
            results. It is configured by environment variables; an empty one counts as unset, durations are like 5m or 1.5s.
            """,
        sections: [ProgramReference.Section(noun: "variable", rows: SidecarConfiguration.variableRows)]
    )
}
