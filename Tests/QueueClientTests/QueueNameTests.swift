import Testing

@testable import QueueClient

@Suite("Queue names")
struct QueueNameTests {
    @Test("Names and routing keys", arguments: [("infer", "asya-infer"), ("", "asya-"), ("asya-x", "asya-asya-x")])
    func names(actor: String, queue: String) {
        #expect(QueueName.ofActor(actor) == queue)
        #expect(QueueName.routingKey(queue) == actor)
    }

    @Test("A queue of another name keeps it as routing key")
    func foreign() {
        #expect(QueueName.routingKey("other") == "other")
    }

    @Test("Errors say what to look at")
    func errors() {
        #expect(
            QueueClientError.queueMissing("asya-x").description
                == "queue asya-x does not exist, or nothing is bound to it"
        )
        #expect(
            QueueClientError.timedOut(queue: "q", after: "10s").description == "no confirmation from queue q within 10s"
        )
    }
}
