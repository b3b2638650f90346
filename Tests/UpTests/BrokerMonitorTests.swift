import AMQP
import Glibc
import QueueClient
import Support
import Testing

@testable import Up

/// A broker in memory whose answers a test sets.
private actor FakeAdministration: QueueAdministration {
    struct Refusal: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var declared: [QueueDefinition] = []
    private(set) var isClosed = false
    private var answers: [String: QueueCounts] = [:]
    private var refusal: Refusal?

    func set(_ queue: String, _ counts: QueueCounts) { self.answers[queue] = counts }

    func refuse(_ text: String?) { self.refusal = text.map { Refusal(description: $0) } }

    func declare(_ queue: QueueDefinition) throws {
        if let refusal { throw refusal }
        self.declared.append(queue)
    }

    func counts(of queueName: String) throws -> QueueCounts? {
        if let refusal { throw refusal }
        return self.answers[queueName]
    }

    func delete(_ queueName: String) {}

    func purge(_ queueName: String) {}

    func close() { self.isClosed = true }
}

@Suite struct BrokerMonitorTests {
    /// The tests beside these keep the threads of Swift's pool busy for half a minute.
    private static let patience: Duration = .seconds(600)

    /// Waits on a thread of its own, as the program does on its main thread: the few threads of Swift's pool, which are
    /// Dispatch's too, are needed by the task that is waited for.
    private static func create(_ queueNames: [String], _ monitor: BrokerMonitor) async throws {
        nonisolated(unsafe) let monitor = monitor
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let thread = DedicatedThread(name: "asya-up-test") {
                continuation.resume(with: Result { try monitor.create(queueNames) })
            }
            if thread == nil { continuation.resume(throwing: UpError("there is no thread")) }
        }
    }

    /// Asks again until the answer is the expected one; the limit is far beyond what a busy machine needs.
    private func becomes(_ monitor: BrokerMonitor, _ expected: [QueueReading]?) async throws -> Bool {
        for _ in 0..<5000 {
            let readings = try? monitor.readings(of: ["asya-a", "asya-b"])
            if readings == expected { return true }
            try await Task.sleep(for: .milliseconds(2))
        }
        return false
    }

    @Test("queues are made once with their dead-letter queues; depths follow the broker, and its troubles too")
    func follows() async throws {
        let broker = FakeAdministration()
        await broker.set("asya-a", QueueCounts(ready: 3, inFlight: 2))
        let monitor = BrokerMonitor(broker, interval: .milliseconds(1), patience: Self.patience) {
            DeadLetterDefinition(queueName: "\($0)-dlq")
        }
        try await Self.create(["asya-a", "asya-b"], monitor)
        #expect(await broker.declared.map(\.name) == ["asya-a", "asya-b"])
        #expect(await broker.declared.map { $0.deadLetter?.queueName } == ["asya-a-dlq", "asya-b-dlq"])
        let none = QueueReading(queued: 0, inFlight: nil, acknowledged: nil)
        #expect(try await self.becomes(monitor, [QueueReading(queued: 3, inFlight: 2, acknowledged: nil), none]))
        await broker.refuse("the broker is away")
        #expect(try await self.becomes(monitor, nil))
        #expect {
            try monitor.readings(of: ["asya-a"])
        } throws: { error in
            "\(error)".contains("the broker is away")
        }
        await broker.refuse(nil)
        await broker.set("asya-a", QueueCounts(ready: 0, inFlight: nil))
        #expect(try await self.becomes(monitor, [none, none]))
        monitor.close()
        for _ in 0..<5000 where await !broker.isClosed { try await Task.sleep(for: .milliseconds(2)) }
        #expect(await broker.isClosed)
    }

    @Test("a broker that refuses the queues ends the start with its reason")
    func refused() async {
        let broker = FakeAdministration()
        await broker.refuse("no permission")
        let monitor = BrokerMonitor(broker, interval: .milliseconds(1), patience: Self.patience) { _ in nil }
        await #expect {
            try await Self.create(["asya-a"], monitor)
        } throws: { error in
            "\(error)" == "cannot make the queues: no permission"
        }
        monitor.close()
    }
}
