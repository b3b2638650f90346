import ArgumentParser
import Glibc
import LocalQueue
import Support

/// `asya dlq …`.
struct DeadLettersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq",
        abstract: "Look after dead letters: messages that were given up after too many tries.",
        subcommands: [List.self, Show.self, Redrive.self, Purge.self]
    )

    func run() throws {
        Console.prose(AsyaCommand.helpMessage(for: DeadLettersCommand.self))
        throw ExitCode(ExitStatus.misuse.rawValue)
    }

    /// The dead-letter queues that `names` mean; all without names.
    private static func queues(_ names: [String], in store: LocalQueue) throws -> [QueueStatistics] {
        let all = try StoreOptions.translated { () throws(LocalQueueError) in try store.statistics() }
        let directory = QueueDirectory(all)
        if names.isEmpty { return directory.deadLetterQueues }
        return try names.map { name in try directory.deadLetterQueue(name) }
    }

    /// `asya dlq list`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List dead letters.")

        @Argument(help: "Queues or actors; default: all.")
        var queues: [String] = []

        @Option(name: [.customShort("n"), .long], help: "How many of each queue, 1 to 1000.")
        var limit = 100

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard (1...1000).contains(self.limit) else { throw ValidationError("--limit has to be 1 to 1000") }
        }

        func run() throws {
            let store = try self.store.open()
            let queues = try DeadLettersCommand.queues(self.queues, in: store)
            var messages: [StoredMessage] = []
            for queue in queues {
                messages += try StoreOptions.translated { () throws(LocalQueueError) in
                    try store.peek(queue.name, limit: self.limit)
                }
            }
            switch self.output.format {
            case .json:
                Console.outputJSON { writer in
                    writer.beginArray()
                    for message in messages { MessageText.write(message, to: &writer) }
                    writer.endArray()
                }
            case .table: self.print(messages, queues)
            }
        }

        private func print(_ messages: [StoredMessage], _ queues: [QueueStatistics]) {
            var table = TextTable([
                ("MESSAGE", .right), ("QUEUE", .left), ("FROM", .left), ("AGE", .right), ("ENVELOPE", .left),
                ("PAYLOAD", .left),
            ])
            let now = LocalQueue.systemClock()
            for message in messages {
                let payload = EnvelopeSummary(message.body).payload ?? message.body
                table.add([
                    "\(message.id)", message.queueName, message.originQueueName ?? "-",
                    TimeText.duration(from: message.enqueuedAt, to: now), message.envelopeID,
                    MessageText.preview(payload),
                ])
            }
            Console.output(table.text(style: Console.style, columnCount: Console.columnCount))
            let total = queues.reduce(0) { $0 + $1.messageCount }
            Console.information("\(messages.count) of \(Quantity(total, "dead letter"))")
        }
    }

    /// `asya dlq show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one dead letter whole.")

        /// How far an envelope's id is searched.
        private static let searchLimit = 100_000

        @Argument(help: "Number of the message, or id of the envelope.")
        var message: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let store = try self.store.open()
            let queues = try DeadLettersCommand.queues([], in: store)
            guard let message = try self.find(in: store, queues) else {
                throw CommandFailure(
                    "there is no dead letter \(TextTable.printable(self.message))",
                    hints: ["asya dlq list shows what there is"]
                )
            }
            switch self.output.format {
            case .json: Console.outputJSON { MessageText.write(message, to: &$0) }
            case .table:
                Console.information(
                    "message \(message.id) in \(message.queueName), from \(message.originQueueName ?? "-")"
                )
                Console.output(message.body + [UInt8(ascii: "\n")])
            }
        }

        private func find(in store: LocalQueue, _ queues: [QueueStatistics]) throws -> StoredMessage? {
            try StoreOptions.translated { () throws(LocalQueueError) in
                if let number = Int64(self.message), let found = try store.message(id: number),
                    queues.contains(where: { $0.name == found.queueName })
                {
                    return found
                }
                for queue in queues {
                    for offset in stride(from: 0, to: min(queue.messageCount, Self.searchLimit), by: 1000) {
                        let page = try store.peek(queue.name, offset: offset, limit: 1000, bodyLimit: 0)
                        if let found = page.first(where: { $0.envelopeID == self.message }) {
                            return try store.message(id: found.id)
                        }
                    }
                }
                return nil
            }
        }
    }

    /// `asya dlq redrive`.
    struct Redrive: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put dead letters back into the queues they came from, with their tries counted anew."
        )

        @Argument(help: "Queues or actors.")
        var queues: [String] = []

        @Flag(help: "All dead-letter queues.")
        var all = false

        @Option(name: [.customShort("m"), .long], help: "Only this message; repeat it for more.")
        var message: [Int64] = []

        @Option(help: "Another queue or actor for them.")
        var to: String?

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard self.all != !self.queues.isEmpty else {
                throw ValidationError("name queues or actors, or say --all")
            }
        }

        func run() throws {
            let store = try self.store.open()
            let all = try StoreOptions.translated { () throws(LocalQueueError) in try store.statistics() }
            let target = try self.to.map { name in try QueueDirectory(all).queue(name).name }
            var moved = 0
            for queue in try DeadLettersCommand.queues(self.queues, in: store) {
                moved += try StoreOptions.translated { () throws(LocalQueueError) in
                    try store.redrive(queue.name, ids: self.message.isEmpty ? nil : self.message, to: target)
                }
            }
            DeadLettersCommand.print("redriven", moved, self.output.format)
            if moved < self.message.count {
                throw CommandFailure(
                    "\(Quantity(self.message.count - moved, "message")) could not be moved: gone, or from a queue that is gone",
                    hints: ["asya dlq list shows what there is; --to names another queue"]
                )
            }
        }
    }

    /// `asya dlq purge`.
    struct Purge: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete dead letters for ever; asks first.")

        @Argument(help: "Queues or actors.")
        var queues: [String] = []

        @Flag(help: "All dead-letter queues.")
        var all = false

        @Flag(name: [.customShort("y"), .long], help: "Do not ask.")
        var yes = false

        @OptionGroup var store: StoreOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard self.all != !self.queues.isEmpty else {
                throw ValidationError("name queues or actors, or say --all")
            }
            guard self.yes || isatty(STDIN_FILENO) == 1 else {
                throw ValidationError("purge deletes for ever and nobody can be asked here; add --yes")
            }
        }

        func run() throws {
            let store = try self.store.open()
            var deleted = 0
            for queue in try DeadLettersCommand.queues(self.queues, in: store) where queue.messageCount > 0 {
                guard self.yes || Self.isConfirmed(queue) else { continue }
                deleted += try StoreOptions.translated { () throws(LocalQueueError) in try store.purge(queue.name) }
            }
            DeadLettersCommand.print("deleted", deleted, self.output.format)
        }

        private static func isConfirmed(_ queue: QueueStatistics) -> Bool {
            Console.question("Delete \(Quantity(queue.messageCount, "message")) of \(queue.name) for ever? [y/N] ")
            let answer = lowercasedASCII(readLine() ?? "")
            return answer == "y" || answer == "yes"
        }
    }

    private static func print(_ name: String, _ count: Int, _ format: OutputFormat) {
        switch format {
        case .table: Console.success("\(Quantity(count, "message")) \(name)")
        case .json:
            Console.outputJSON { writer in
                writer.beginObject()
                writer.name(name)
                writer.integer(count)
                writer.endObject()
            }
        }
    }
}
