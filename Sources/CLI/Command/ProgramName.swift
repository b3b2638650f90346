/// Old names of parts of this program: links to it under these names behave as the original's tools (cli.md 3.1).
public enum ProgramName {
    private static let commands = ["asya-mcp": "mcp", "asya-mcp-forward": "mcp-forward"]

    /// The words of the command line after the program's name, with the command that the name stands for.
    public static func arguments(_ words: [String]) -> [String] {
        guard let path = words.first, let name = path.split(separator: "/").last else { return [] }
        let rest = Array(words.dropFirst())
        return self.commands[String(name)].map { [$0] + rest } ?? rest
    }
}
