import ArgumentParser
import LocalQueue
import Support

/// `asya peek QUEUE`.
struct PeekCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peek",
        abstract: "Look at the messages of a queue without taking them."
    )

    /// More are no longer something to look at.
    private static let limitRange = 1...1000

    @Argument(help: "A queue, or an actor.")
    var queue: String

    @Option(name: [.customShort("n"), .long], help: "How many messages, 1 to 1000.")
    var limit = 10

    @Option(help: "How many messages to skip.")
    var offset = 0

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard Self.limitRange.contains(self.limit) else { throw ValidationError("--limit has to be 1 to 1000") }
        guard self.offset >= 0 else { throw ValidationError("--offset has to be 0 or more") }
    }

    func run() throws {
        let store = try self.store.open()
        let all = try StoreOptions.translated { () throws(LocalQueueError) in try store.statistics() }
        let queue = try QueueDirectory(all).queue(self.queue)
        let messages = try StoreOptions.translated { () throws(LocalQueueError) in
            try store.peek(queue.name, offset: self.offset, limit: self.limit)
        }
        switch self.output.format {
        case .json:
            Console.outputJSON { writer in
                writer.beginArray()
                for message in messages { MessageText.write(message, to: &writer) }
                writer.endArray()
            }
        case .table:
            let table = MessageText.table(messages, now: LocalQueue.systemClock())
            Console.output(table.text(style: Console.style, columnCount: Console.columnCount))
            Console.information("\(messages.count) of \(Quantity(queue.messageCount, "message")) in \(queue.name)")
        }
    }
}
