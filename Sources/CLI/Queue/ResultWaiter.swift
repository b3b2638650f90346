import LocalQueue
import LocalStore
import Support

/// Waits for envelopes that were sent and prints what became of them, for `asya send --wait`. Results come from the end
/// actors' files; the store tells about envelopes that end without one.
struct ResultWaiter {
    static let defaultTimeout = Duration.seconds(300)
    /// Between two looks at the result file; a look costs two calls of the system.
    private static let pause = Duration.milliseconds(20)
    /// Between two looks into the store, and how many envelopes each asks for.
    private static let tracePause = Duration.milliseconds(500)
    private static let traceLimit = 100
    /// After this time somebody should have taken the message.
    private static let hintDelay = Duration.seconds(3)

    /// Nil when the messages are in another queue system: then only results tell.
    private let queue: LocalQueue?
    private let tail: ResultTail
    private let place: StorePlace
    private let format: OutputFormat

    /// Made before anything is sent, so that no result is missed.
    init(queue: LocalQueue?, place: StorePlace, format: OutputFormat) {
        self.queue = queue
        self.place = place
        self.tail = ResultTail(place.results, start: .end)
        self.format = format
    }

    /// Prints each ending as it comes; the worst of them is the status.
    func wait(for ids: [String], timeout: Duration?) async throws -> ExitStatus {
        Interruption.watch()
        let clock = ContinuousClock()
        let start = clock.now
        var awaited = AwaitedEnvelopes(ids)
        var status = ExitStatus.done
        var nextTrace = start + Self.tracePause
        var hasHinted = false
        func report(_ id: String, _ ending: AwaitedEnvelopes.Ending) {
            if self.print(id, ending) == .envelopeFailed { status = .envelopeFailed }
        }
        while !awaited.isEmpty {
            try self.takeResults(&awaited, report)
            if clock.now >= nextTrace {
                hasHinted =
                    try self.lookIntoStore(&awaited, hasHinted || clock.now - start < Self.hintDelay, report)
                    || hasHinted
                nextTrace = clock.now + Self.tracePause
            }
            if awaited.isEmpty { break }
            if Interruption.hasCome { return self.stop(awaited, "interrupted", .interrupted) }
            if let timeout, clock.now - start >= timeout {
                return self.stop(awaited, "not finished after \(GoDuration(timeout))", .notFinished)
            }
            try await Task.sleep(for: Self.pause)
        }
        return status
    }

    private func takeResults(
        _ awaited: inout AwaitedEnvelopes,
        _ report: (String, AwaitedEnvelopes.Ending) -> Void
    ) throws {
        try self.tail.read { result in
            if let id = result.summary.id, let ending = awaited.resultCame(result) { report(id, ending) }
        }
    }

    /// Asks the store first and reads the results again before it is believed: an end actor writes before it settles.
    /// Returns whether the hint was given.
    private func lookIntoStore(
        _ awaited: inout AwaitedEnvelopes,
        _ isQuiet: Bool,
        _ report: (String, AwaitedEnvelopes.Ending) -> Void
    ) throws -> Bool {
        guard let queue else { return false }
        var traces: [(id: String, hops: [HopRecord])] = []
        for id in awaited.pending.prefix(Self.traceLimit) {
            let hops = try StoreOptions.translated { () throws(LocalQueueError) in try queue.trace(envelopeID: id)
            }
            traces.append((id, hops))
        }
        try self.takeResults(&awaited, report)
        for (id, hops) in traces {
            if let ending = awaited.traced(id, hops) { report(id, ending) }
        }
        guard !isQuiet, let first = traces.first(where: { AwaitedEnvelopes.isUntouched($0.hops) }) else { return false }
        Console.information("still waiting in \(first.hops[0].queueName); is asya up running?")
        return true
    }

    private func stop(_ awaited: AwaitedEnvelopes, _ text: String, _ status: ExitStatus) -> ExitStatus {
        Console.warning("\(text): \(Quantity(awaited.pending.count, "envelope")) on the way")
        for id in awaited.pending.prefix(5) {
            let name = TextTable.printable(id)
            Console.information("asya trace \(name) shows where it is, asya results \(name) what came out")
        }
        return status
    }

    /// Results on standard output, explanations on standard error.
    private func print(_ id: String, _ ending: AwaitedEnvelopes.Ending) -> ExitStatus {
        let name = TextTable.printable(id)
        var isFailure = true
        switch ending {
        case .finished(let result):
            isFailure = !result.hasSucceeded
            if let error = result.errorText { Console.error("\(name) failed: \(TextTable.printable(error))") }
            switch self.format {
            case .table: Console.output((result.summary.payload ?? Array("null".utf8)) + [UInt8(ascii: "\n")])
            case .json: Console.output(result.line + [UInt8(ascii: "\n")])
            }
            return isFailure ? .envelopeFailed : .done
        case .settled(let hasFailed):
            isFailure = hasFailed
            let end = hasFailed ? "error-end" : "happy-end"
            Console.warning("\(name) ended in \(end); only the end actors that asya up brings keep results")
        case .deadLetter(let queueName):
            Console.error("\(name) was given up and is in \(queueName); asya dlq show \(name) shows it")
        case .purged(let queueName):
            Console.error("\(name) was deleted from \(queueName)")
        }
        if self.format == .json {
            Console.outputJSON { writer in
                writer.beginObject()
                writer.name("outcome")
                writer.string(isFailure ? ResultFiles.failed : ResultFiles.succeeded)
                writer.name("id")
                writer.string(id)
                writer.endObject()
            }
        }
        return isFailure ? .envelopeFailed : .done
    }
}
