import Foundation
import LocalQueue
import Testing

@testable import QueueClient

@Suite("Embedded queues")
struct EmbeddedTests {
    @Test("Sends arrive, and a missing queue is an error")
    func roundTrip() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("asya-queue-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("queue.db").path
        let file = try LocalQueue(path: path)
        let client = try EmbeddedQueueClient(path: path)
        try await client.checkReadiness()
        await #expect(throws: QueueClientError.queueMissing("asya-x")) {
            try await client.send([], messageID: "m", to: "asya-x")
        }
        try file.createQueue("asya-x")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask { try await client.send(Array("{}".utf8), messageID: "m\(index)", to: "asya-x") }
            }
            try await group.waitForAll()
        }
        #expect(try file.statistics(of: "asya-x").readyCount == 200)
        await client.close()
        await #expect(throws: QueueClientError.closed) { try await client.send([], messageID: "m", to: "asya-x") }
    }
}
