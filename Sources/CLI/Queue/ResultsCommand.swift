import ArgumentParser
import LocalStore
import Support

/// `asya results`.
struct ResultsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "results",
        abstract: "Show what came out: the envelopes that the end actors of asya up have kept.",
        discussion: """
            With ids only those envelopes and their fan-out children. About 64 to 128 MiB of results are kept. JSON output \
            is one line per result. A result may appear twice when an end actor was killed while it wrote.
            """
    )

    @Argument(help: "Ids of envelopes; default: the latest of all.")
    var ids: [String] = []

    @Option(name: [.customShort("n"), .long], help: "How many of the latest results; 0 for all that are kept.")
    var limit = 20

    @Flag(help: "Only envelopes that ended in error-end.")
    var failed = false

    @Flag(help: "Go on with new results until Ctrl-C.")
    var follow = false

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.limit >= 0 else { throw ValidationError("--limit has to be 0 or more") }
    }

    func run() async throws {
        let place = self.store.place
        let tail = ResultTail(place.results, start: .oldest)
        var latest: [FinishedEnvelope] = []
        var count = 0
        try tail.read { result in
            guard self.isWanted(result) else { return }
            count += 1
            latest.append(result)
            // Twice the limit before it is cut: cutting costs a copy.
            if self.limit > 0, latest.count >= 2 * self.limit { latest.removeFirst(latest.count - self.limit) }
        }
        if self.limit > 0 { latest = latest.suffix(self.limit) }
        if count == 0, !self.follow {
            let text = self.ids.isEmpty ? "there are no results in \(place.results.folder)" : "no result of these ids"
            throw CommandFailure(text, hints: ["asya queues shows what is waiting, asya trace ID where it is"])
        }
        self.print(latest)
        while self.follow {
            try await Task.sleep(for: .milliseconds(100))
            var new: [FinishedEnvelope] = []
            try tail.read { if self.isWanted($0) { new.append($0) } }
            self.print(new)
        }
    }

    private func isWanted(_ result: FinishedEnvelope) -> Bool {
        if self.failed, result.hasSucceeded { return false }
        return self.ids.isEmpty || self.ids.contains { result.belongs(to: $0) }
    }

    private func print(_ results: [FinishedEnvelope]) {
        for result in results {
            switch self.output.format {
            case .json: Console.output(result.line + [UInt8(ascii: "\n")])
            case .table: Console.output(Self.line(result, Console.style) + "\n")
            }
        }
    }

    static func line(_ result: FinishedEnvelope, _ style: TextStyle) -> String {
        let outcome = result.hasSucceeded ? style.green(result.outcome) : style.red(result.outcome + "   ")
        let text = result.errorText ?? MessageText.preview(result.summary.payload ?? [])
        let id = result.summary.id ?? "-"
        return "\(style.dim(result.at))  \(outcome)  \(TextTable.printable(id))  \(TextTable.printable(text))"
    }
}
