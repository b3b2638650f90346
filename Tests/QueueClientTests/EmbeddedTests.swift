import Foundation
import Testing

@testable import QueueClient

@Suite("Embedded queues")
struct EmbeddedTests {
    @Test("Sends arrive, a missing queue is an error, queues come and go")
    func roundTrip() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("asya-queue-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("queue.db").path
        let administration = try EmbeddedAdministration(path: path)
        let client = try EmbeddedQueueClient(path: path)
        try await client.checkReadiness()
        await #expect(throws: QueueClientError.queueMissing("asya-x")) {
            try await client.send([], messageID: "m", to: "asya-x")
        }
        try await administration.declare(
            QueueDefinition(name: "asya-x", deadLetter: DeadLetterDefinition(queueName: "asya-x-dlq"))
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask { try await client.send(Array("{}".utf8), messageID: "m\(index)", to: "asya-x") }
            }
            try await group.waitForAll()
        }
        #expect(try await administration.counts(of: "asya-x") == QueueCounts(ready: 200, inFlight: 0))
        try await administration.purge("asya-x")
        #expect(try await administration.counts(of: "asya-x")?.ready == 0)
        for queue in ["asya-x", "asya-x"] { try await administration.delete(queue) }
        let gone = try await administration.counts(of: "asya-x")
        #expect(gone == nil)
        await client.close()
        await administration.close()
        await #expect(throws: QueueClientError.closed) { try await client.send([], messageID: "m", to: "asya-x") }
    }
}
