import ArgumentParser
import LocalQueue
import Support

/// `asya queues`.
struct QueuesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues",
        abstract: "Show the queues of this machine and how many messages they hold."
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let queue = try self.store.open()
        let all = try StoreOptions.translated { () throws(LocalQueueError) in try queue.statistics() }
        switch self.output.format {
        case .json:
            Console.outputJSON { writer in
                writer.beginArray()
                for entry in all { Self.write(entry, to: &writer) }
                writer.endArray()
            }
        case .table:
            if all.isEmpty { Console.information("there are no queues yet; asya up makes them") }
            Console.output(Self.table(all).text(style: Console.style))
        }
    }

    static func table(_ all: [QueueStatistics]) -> TextTable {
        var table = TextTable([
            ("QUEUE", .left), ("READY", .right), ("IN FLIGHT", .right), ("DELAYED", .right), ("OLDEST", .right),
            ("DONE", .right), ("DEAD LETTERS GO TO", .left),
        ])
        for entry in all {
            let limits = entry.limits
            let target = limits.deadLetterQueue.map { "\($0) after \(limits.maxRetryCount) tries" }
            table.add([
                entry.name, "\(entry.readyCount)", "\(entry.inFlightCount)", "\(entry.delayedCount)",
                entry.oldestReadyAge.map(TimeText.duration) ?? "-", "\(entry.acknowledgedTotal)", target ?? "-",
            ])
        }
        return table
    }

    static func write(_ entry: QueueStatistics, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("queue")
        writer.string(entry.name)
        for (name, value) in [
            ("messages", entry.messageCount), ("ready", entry.readyCount), ("in_flight", entry.inFlightCount),
            ("delayed", entry.delayedCount), ("enqueued_total", entry.enqueuedTotal),
            ("acknowledged_total", entry.acknowledgedTotal),
        ] {
            writer.name(name)
            writer.integer(value)
        }
        writer.name("oldest_ready_seconds")
        if let age = entry.oldestReadyAge { writer.number(age / .seconds(1)) } else { writer.null() }
        writer.name("max_retry_count")
        writer.integer(entry.limits.maxRetryCount)
        writer.name("dead_letter_queue")
        if let target = entry.limits.deadLetterQueue { writer.string(target) } else { writer.null() }
        writer.endObject()
    }
}
