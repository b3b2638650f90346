import ArgumentParser

/// `asya completions SHELL`.
struct CompletionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print a completion script for your shell.",
        discussion: """
            bash:  asya completions bash > ~/.local/share/bash-completion/completions/asya
            zsh:   asya completions zsh > "${fpath[1]}/_asya"
            fish:  asya completions fish > ~/.config/fish/completions/asya.fish
            """
    )

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish
    }

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    func run() {
        let shell: CompletionShell =
            switch self.shell {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        let script = AsyaCommand.completionScript(for: shell)
        Console.output(script.hasSuffix("\n") ? script : script + "\n")
    }
}
