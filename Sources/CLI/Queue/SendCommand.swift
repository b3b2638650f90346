import ActorResource
import ArgumentParser
import Envelope
import LocalQueue
import Support

/// `asya send`.
struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a payload along a route of actors.",
        discussion: """
            Prints the envelope's id. With --wait the command ends when the envelope has, prints the resulting payload, and \
            its exit status tells: 0 succeeded, 3 failed, 6 not finished in time.

              asya send hello --payload '{"text": "hi"}' --wait
              asya send split,score,judge --payload @document.json --header trace_id=t-1
              cat requests.ndjson | asya send score --payload - --each
            """
    )

    @OptionGroup var options: SendOptions

    @Flag(help: "Wait until the envelope has ended and print its result.")
    var wait = false

    @Option(help: "How long --wait waits, for instance 30s or 10m; 0 for ever.")
    var timeout: DurationArgument?

    @Flag(help: "Make queues that do not exist, to send before asya up has run for the first time.")
    var create = false

    @OptionGroup var store: StoreOptions
    @OptionGroup var output: OutputOptions

    enum Transport: String, ExpressibleByArgument, CaseIterable {
        case embedded, rabbitmq, sqs
    }

    @Option(help: "embedded, rabbitmq or sqs; default: ASYA_TRANSPORT, else embedded.")
    var transport: Transport?

    func validate() throws {
        guard self.wait || self.timeout == nil else { throw ValidationError("--timeout is for --wait") }
    }

    func run() async throws {
        let environment = EnvironmentReader.process
        switch try self.chosenTransport(environment) {
        case .embedded: try await self.sendLocally()
        case .rabbitmq: try await self.sendAway(try RemoteSender.rabbitMQ(environment))
        case .sqs: try await self.sendAway(try RemoteSender.sqs(environment))
        }
    }

    private func chosenTransport(_ environment: EnvironmentReader) throws -> Transport {
        if let transport { return transport }
        guard let name = environment.text("ASYA_TRANSPORT") else { return .embedded }
        guard let transport = Transport(rawValue: name) else {
            throw CommandFailure("ASYA_TRANSPORT has to be embedded, rabbitmq or sqs")
        }
        return transport
    }

    private func sendAway(_ sender: RemoteSender) async throws {
        guard !self.create else {
            throw CommandFailure("--create is for the queues of this machine", status: .misuse)
        }
        // Results are kept where asya up runs the end actors, whatever brings the messages there.
        let place = self.store.place
        let waiter = self.wait ? ResultWaiter(queue: nil, place: place, format: self.output.format) : nil
        let ids = try await self.send(sender)
        try await self.wait(for: ids, waiter)
    }

    private func sendLocally() async throws {
        let queue = try self.openQueues()
        // Before anything is sent, so that no result is missed.
        let waiter = self.wait ? ResultWaiter(queue: queue, place: self.store.place, format: self.output.format) : nil
        let ids = try await self.send(LocalSender(queue: queue))
        try await self.wait(for: ids, waiter)
    }

    private func wait(for ids: [String], _ waiter: ResultWaiter?) async throws {
        guard let waiter else { return }
        let timeout = self.timeout?.duration ?? ResultWaiter.defaultTimeout
        let status = try await waiter.wait(for: ids, timeout: timeout == .zero ? nil : timeout)
        if status != .done { throw ExitCode(status.rawValue) }
    }

    /// The store, with a queue for each actor of the route.
    private func openQueues() throws -> LocalQueue {
        let queue = self.create ? try self.store.openOrCreate() : try self.store.open()
        let all = try StoreOptions.translated { () throws(LocalQueueError) in try queue.statistics() }
        guard self.create else {
            try QueueDirectory(all).checkRoute(self.options.route)
            return queue
        }
        let existing = Set(all.map(\.name))
        try StoreOptions.translated { () throws(LocalQueueError) in
            for actor in self.options.route where !existing.contains(AsyncActor.queuePrefix + actor) {
                try queue.createQueue(AsyncActor.queuePrefix + actor)
            }
        }
        return queue
    }

    /// Sends everything; the ids in order.
    private func send(_ sender: some EnvelopeSender) async throws -> [String] {
        let source = PayloadSource(self.options.payload)
        let draft = self.options.draft
        var ids: [String] = []
        if !self.options.each {
            let id = self.options.id ?? EnvelopeDraft.randomID()
            ids = [id]
            try await self.send([try Self.envelope(draft, id, try source.whole(), name: source.name)], sender)
            Console.success("sent to \(self.options.route.joined(separator: " → "))")
        } else {
            ids = try await self.sendEach(source, draft, sender)
            Console.success("sent \(Quantity(ids.count, "envelope")) to \(self.options.route.joined(separator: " → "))")
        }
        await sender.close()
        return ids
    }

    /// One transaction per batch. A line that is no JSON ends it; what came before it was sent.
    private func sendEach(
        _ source: PayloadSource,
        _ draft: EnvelopeDraft,
        _ sender: some EnvelopeSender
    ) async throws -> [String] {
        var ids: [String] = []
        let lines = try source.lines()
        while true {
            var batch: [EnvelopeDraft.Ready] = []
            var byteCount = 0
            var fault: CommandFailure?
            do {
                while batch.count < sender.batchLimit, byteCount < Self.batchByteLimit, let line = try lines.next() {
                    let name = "line \(line.number) of \(source.name)"
                    batch.append(try Self.envelope(draft, EnvelopeDraft.randomID(), line.bytes, name: name))
                    byteCount += line.bytes.count
                }
            } catch let error as CommandFailure {
                fault = error
            }
            if !batch.isEmpty { try await self.send(batch, sender) }
            ids += batch.map(\.id)
            if var fault {
                fault.hints.append("\(Quantity(ids.count, "envelope")) before it were sent")
                throw fault
            }
            if batch.isEmpty { return ids }
        }
    }

    /// Memory of a batch.
    private static let batchByteLimit = 8 << 20

    private static func envelope(
        _ draft: EnvelopeDraft,
        _ id: String,
        _ payload: [UInt8],
        name: String
    ) throws -> EnvelopeDraft.Ready {
        let ready: EnvelopeDraft.Ready
        do throws(JSONFault) {
            ready = try draft.envelope(id: id, payload: payload)
        } catch {
            let hints = payload.isEmpty ? ["it is empty"] : ["text has to stand in quotes: --payload '\"text\"'"]
            throw CommandFailure("\(name) is not JSON: \(error.description)", hints: hints)
        }
        guard ready.body.count <= PayloadSource.byteLimit else {
            throw CommandFailure("\(name) is larger than \(PayloadSource.byteLimit) bytes, the largest message")
        }
        return ready
    }

    private func send(_ envelopes: [EnvelopeDraft.Ready], _ sender: some EnvelopeSender) async throws {
        try await sender.send(envelopes)
        // With --wait standard output is for results.
        if self.wait { return }
        for envelope in envelopes {
            switch self.output.format {
            case .table: Console.output(envelope.id + "\n")
            case .json:
                Console.outputJSON { writer in
                    writer.beginObject()
                    writer.name("id")
                    writer.string(envelope.id)
                    writer.name("queue")
                    writer.string(envelope.queueName)
                    writer.name("bytes")
                    writer.integer(envelope.body.count)
                    writer.endObject()
                }
            }
        }
    }
}
