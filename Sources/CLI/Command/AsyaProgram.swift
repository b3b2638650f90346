import ArgumentParser

/// The whole run of `asya`: parses, runs one command, reports what went wrong, and gives the exit status. The only place
/// that turns errors into text.
public enum AsyaProgram {
    /// Runs with the arguments after the program's name; returns the exit status.
    public static func run(_ arguments: [String]) async -> Int32 {
        do {
            let command = try AsyaCommand.parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
            return ExitStatus.done.rawValue
        } catch {
            return self.report(error)
        }
    }

    private static func report(_ error: any Error) -> Int32 {
        if let failure = error as? CommandFailure {
            Console.error(failure.message)
            for hint in failure.hints { Console.information(hint) }
            return failure.status.rawValue
        }
        let text = AsyaCommand.fullMessage(for: error)
        switch AsyaCommand.exitCode(for: error) {
        case .success:
            // Help and versions are what was asked for.
            Console.output(text + "\n")
            return ExitStatus.done.rawValue
        case .validationFailure:
            // The marker of cli.md instead of ArgumentParser's.
            Console.error(text.hasPrefix("Error: ") ? String(text.dropFirst(7)) : text)
            return ExitStatus.misuse.rawValue
        case let code:
            if !text.isEmpty { Console.prose(text) }
            return code.rawValue
        }
    }
}
