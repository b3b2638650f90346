internal import QueueClient

/// Stands in for a transport that is not usable: the gateway starts and answers, each send fails (`gateway.md` 1.1).
struct MissingQueueClient: QueueClient {
    let reason: String

    func send(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        throw QueueClientError.unavailable(reason: self.reason)
    }

    func checkReadiness() async throws { throw QueueClientError.unavailable(reason: self.reason) }

    func close() async {}
}
