import ArgumentParser
import Support

/// The root of all commands. A new command is one type and one line here.
struct AsyaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "asya",
        abstract: "Pipelines of Python actors on message queues: on this machine, on a broker, on Kubernetes.",
        discussion: """
            Begin with: asya new hello, then asya up, then asya send hello --payload '{"text": "hi"}' --wait

            Machine-readable output goes to standard output, everything else to standard error. Exit status: 0 done, \
            1 failed, 2 wrong usage, 3 the envelope failed, 6 not finished in time.
            """,
        version: BuildVersion.current,
        groupedSubcommands: [
            CommandGroup(
                name: "Actors",
                subcommands: [NewCommand.self, ValidateCommand.self, ManifestsCommand.self, UpCommand.self]
            ),
            CommandGroup(
                name: "Messages",
                subcommands: [
                    SendCommand.self, ResultsCommand.self, TraceCommand.self, QueuesCommand.self, PeekCommand.self,
                    DeadLettersCommand.self,
                ]
            ),
            CommandGroup(name: "Gateway", subcommands: [MCPCommand.self, ForwardCommand.self]),
            CommandGroup(name: "Program", subcommands: [VersionCommand.self, CompletionsCommand.self]),
        ]
    )

    func run() throws {
        // Without a command there is nothing to do: cli.md counts that as wrong usage.
        Console.prose(AsyaCommand.helpMessage())
        throw ExitCode(ExitStatus.misuse.rawValue)
    }
}
