import Sidecar
import Support
import Testing

@testable import SidecarSQS

@Suite("Groups of a FIFO queue")
struct MessageGroupTests {
    private func receiving(_ names: [String]) throws -> TransportFixture {
        let fixture = try TransportFixture(queueName: "asya-a.fifo")
        try fixture.startReceiving(window: 10)
        fixture.deliver(ofGroups: names)
        return fixture
    }

    private func receipt(_ name: String, in fixture: TransportFixture) throws -> Receipt {
        let index = try #require(fixture.events.bodies.firstIndex(of: name))
        return fixture.events.deliveries[index].receipt
    }

    @Test("of each group one message is worked on at a time, the others wait for it")
    func oneAtATime() throws {
        let fixture = try self.receiving(["g:1", "g:2", "h:1", "g:3", "h:2"])
        #expect(fixture.events.bodies == ["g:1", "h:1"])
        fixture.transport.acknowledge(try self.receipt("g:1", in: fixture))
        try fixture.run { fixture.events.deliveries.count == 3 }
        fixture.transport.acknowledge(try self.receipt("h:1", in: fixture))
        fixture.transport.acknowledge(try self.receipt("g:2", in: fixture))
        try fixture.run { fixture.events.deliveries.count == 5 }
        #expect(fixture.events.bodies == ["g:1", "h:1", "g:2", "g:3", "h:2"])
    }

    @Test("with a message that goes back for a while, those of its group that follow go back too, others do not")
    func backOff() throws {
        let fixture = try self.receiving(["g:1", "g:2", "h:1", "g:3", "h:2"])
        fixture.transport.release(try self.receipt("g:1", in: fixture), after: .seconds(4))
        try fixture.run { fixture.http.waiting("ChangeMessageVisibilityBatch").count == 1 }
        let changes = fixture.http.waiting("ChangeMessageVisibilityBatch").first?.members?["Entries"]?.elements ?? []
        #expect(changes.map { $0.members?["ReceiptHandle"]?.string } == ["hg:1", "hg:2", "hg:3"])
        #expect(changes.map { $0.members?["VisibilityTimeout"]?.integer } == [4, 0, 0])
        #expect(fixture.events.bodies == ["g:1", "h:1"])
        fixture.http.accept("ChangeMessageVisibilityBatch")
        try fixture.run { !fixture.http.waiting("ReceiveMessage").isEmpty }
        let request = fixture.http.waiting("ReceiveMessage").first?.members
        #expect(request?["MaxNumberOfMessages"]?.integer == 1, "going back counts as a delivery: no second time")
        fixture.deliver(ofGroups: ["g:1"])
        #expect(fixture.events.bodies == ["g:1", "h:1", "g:1"])
    }

    @Test("with a message whose lease was lost the others of its group go back")
    func lost() throws {
        let fixture = try TransportFixture(queueName: "asya-a.fifo", visibilitySeconds: 4)
        try fixture.startReceiving(window: 10)
        fixture.deliver(ofGroups: ["g:1", "g:2"])
        try fixture.run {
            fixture.http.accept("ChangeMessageVisibilityBatch", failing: [0: "ReceiptHandleIsInvalid"]) == 2
        }
        #expect(fixture.events.forgotten == [fixture.events.deliveries[0].receipt])
        try fixture.run { !fixture.http.waiting("ChangeMessageVisibilityBatch").isEmpty }
        let change = fixture.http.waiting("ChangeMessageVisibilityBatch").first?.members?["Entries"]?.elements?.first
        #expect(change?.members?["ReceiptHandle"]?.string == "hg:2")
        #expect(change?.members?["VisibilityTimeout"]?.integer == 0)
        #expect(fixture.events.bodies == ["g:1"])
    }

    @Test("at a shutdown everything that waits goes back")
    func shutdown() throws {
        let fixture = try self.receiving(["g:1", "g:2", "g:3"])
        fixture.transport.stopReceiving()
        try fixture.run { !fixture.http.waiting("ChangeMessageVisibilityBatch").isEmpty }
        #expect(fixture.http.accept("ChangeMessageVisibilityBatch") == 2)
        fixture.transport.acknowledge(try self.receipt("g:1", in: fixture))
        try fixture.run { fixture.http.accept("DeleteMessageBatch") == 1 }
    }

    @Test("a queue without groups delivers at once, whatever the messages say")
    func standard() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 10)
        fixture.deliver(ofGroups: ["g:1", "g:2"])
        #expect(fixture.events.bodies == ["g:1", "g:2"])
    }

    @Test("results stay in the group they came in; without one the envelope's id is the group")
    func placement() throws {
        let fixture = try self.receiving(["g:1"])
        let destination = Destination(actorName: "b.fifo")
        let tag = fixture.events.deliveries[0].receipt.tag
        fixture.publish("result", to: destination, token: tag, id: "env")
        fixture.publish("result", to: destination, token: 99, id: "env")
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b.fifo"}"#) }
        try fixture.run { !fixture.http.waiting("SendMessageBatch").isEmpty }
        let entries = fixture.http.waiting("SendMessageBatch").first?.members?["Entries"]?.elements ?? []
        #expect(entries.map { $0.members?["MessageGroupId"]?.string } == ["g", "env"])
        let deduplication = entries.compactMap { $0.members?["MessageDeduplicationId"]?.string }
        #expect(Set(deduplication).count == 2, "results of two deliveries are two messages, even when they are equal")
    }

    @Test("the result of a delivery that comes again is the same message")
    func repetition() throws {
        let fixture = try self.receiving(["g:1"])
        let destination = Destination(actorName: "b.fifo")
        fixture.publish("result", to: destination, token: fixture.events.deliveries[0].receipt.tag)
        fixture.transport.release(fixture.events.deliveries[0].receipt, after: .zero)
        try fixture.run { fixture.http.accept("ChangeMessageVisibilityBatch") == 1 }
        try fixture.run { !fixture.http.waiting("ReceiveMessage").isEmpty }
        fixture.deliver(ofGroups: ["g:1"])
        fixture.publish("result", to: destination, token: fixture.events.deliveries[1].receipt.tag)
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b.fifo"}"#) }
        var identifiers: [String] = []
        try fixture.run {
            let entries = fixture.http.waiting("SendMessageBatch").first?.members?["Entries"]?.elements ?? []
            identifiers += entries.compactMap { $0.members?["MessageDeduplicationId"]?.string }
            fixture.http.accept("SendMessageBatch")
            return identifiers.count == 2
        }
        #expect(identifiers.count == 2 && Set(identifiers).count == 1)
    }
}
