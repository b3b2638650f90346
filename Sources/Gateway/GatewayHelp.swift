internal import Support

/// What the gateway says of itself; it has no options, its configuration is the environment.
public enum GatewayHelp {
    /// An answer for the command line; nil when it asks for something else.
    public static func answer(to arguments: [String]) -> String? {
        guard arguments.count == 1 else { return nil }
        switch arguments[0] {
        case "--version": return "asya-gateway \(BuildVersion.current)"
        case "--help", "-h": return self.reference.plainText
        case "--help=markdown": return self.reference.markdown
        default: return nil
        }
    }

    static let reference = ProgramReference(
        program: "asya-gateway",
        title: "Variables of the gateway",
        usage: "[migrate | check --url URL | --help | --help=markdown | --version]",
        introduction: """
            The front door: turns tool calls (MCP or REST) into envelopes, remembers them and streams their progress. Without
            an argument it serves; `migrate` brings the database to this version and ends; `check` asks a running gateway
            whether it answers. It is configured by environment variables; an empty one counts as unset, durations are like
            5m or 1.5s. With SQS the usual variables of AWS count too (keys, profile, web identity, `AWS_ENDPOINT_URL`).
            """,
        sections: [
            ProgramReference.Section(title: "Variables", noun: "variable", rows: Variables.rows),
            ProgramReference.Section(
                title: "Accepted from the original, without effect",
                noun: "variable",
                rows: Variables.withoutEffect
            ),
        ]
    )
}
