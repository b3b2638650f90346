import ArgumentParser
import LocalQueue
import LocalStore
import Support

/// `asya trace ID`.
struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Show the way of one envelope through the queues, with times.",
        discussion: "Fan-out children have ids of their own: ID-1, ID-2, …"
    )

    @Argument(help: "The envelope's id.")
    var id: String

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let store = try self.store.open()
        let hops = try StoreOptions.translated { () throws(LocalQueueError) in try store.trace(envelopeID: self.id) }
        guard !hops.isEmpty else {
            throw CommandFailure(
                "nothing is known of the envelope \(TextTable.printable(self.id))",
                hints: ["the last 100,000 deliveries of a week are remembered; asya peek QUEUE shows ids"]
            )
        }
        switch self.output.format {
        case .json: Console.outputJSON { Self.write(self.id, hops, to: &$0) }
        case .table:
            let now = LocalQueue.systemClock()
            Console.output(Self.table(hops, now: now).text(style: Console.style))
        }
    }

    static func table(_ hops: [HopRecord], now: Int64) -> TextTable {
        var table = TextTable([
            ("ENQUEUED", .left), ("QUEUE", .left), ("TRY", .right), ("WAITED", .right), ("HANDLED", .right),
            ("OUTCOME", .left),
        ])
        for hop in hops {
            let waited = TimeText.duration(from: hop.enqueuedAt, to: hop.claimedAt ?? now)
            let handled = hop.claimedAt.map { TimeText.duration(from: $0, to: hop.settledAt ?? now) }
            table.add([
                TimeText.timestamp(hop.enqueuedAt), hop.queueName, hop.attempt == 0 ? "-" : "\(hop.attempt)", waited,
                handled ?? "-", self.outcome(hop.outcome),
            ])
        }
        return table
    }

    static func outcome(_ outcome: HopRecord.Outcome) -> String {
        switch outcome {
        case .acknowledged: "done"
        case .released: "given back"
        case .deadLettered: "dead letter"
        case .leaseEnded: "lost, delivered again"
        case .purged: "purged"
        case .waiting: "waiting"
        case .inFlight: "in work"
        }
    }

    private static func name(_ outcome: HopRecord.Outcome) -> String {
        switch outcome {
        case .acknowledged: "acknowledged"
        case .released: "released"
        case .deadLettered: "dead_lettered"
        case .leaseEnded: "lease_ended"
        case .purged: "purged"
        case .waiting: "waiting"
        case .inFlight: "in_flight"
        }
    }

    static func write(_ id: String, _ hops: [HopRecord], to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("id")
        writer.string(id)
        writer.name("hops")
        writer.beginArray()
        for hop in hops {
            writer.beginObject()
            writer.name("queue")
            writer.string(hop.queueName)
            writer.name("attempt")
            writer.integer(hop.attempt)
            writer.name("outcome")
            writer.string(self.name(hop.outcome))
            for (name, time) in [
                ("enqueued_at", hop.enqueuedAt), ("claimed_at", hop.claimedAt), ("settled_at", hop.settledAt),
            ] {
                writer.name(name)
                if let time { writer.string(TimeText.timestamp(time)) } else { writer.null() }
            }
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
