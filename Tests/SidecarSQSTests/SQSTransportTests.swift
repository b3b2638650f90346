import Sidecar
import Support
import Testing

@testable import SidecarSQS

@Suite("SQSTransport")
struct SQSTransportTests {
    private func strings(_ entries: JSONValue?, _ member: String) -> [String] {
        entries?.members?["Entries"]?.elements?.compactMap { $0.members?[member]?.string } ?? []
    }

    @Test("starts without a call, finds its queue when receiving begins, and asks for what the window allows")
    func receiving() throws {
        let fixture = try TransportFixture()
        fixture.transport.start()
        try fixture.run { fixture.events.hasStarted }
        #expect(fixture.http.actions.isEmpty)
        try fixture.startReceiving(window: 3)
        let request = try #require(fixture.http.waiting("ReceiveMessage").first?.members)
        #expect(request["MaxNumberOfMessages"]?.integer == 3)
        #expect(request["WaitTimeSeconds"]?.integer == 20)
        #expect(request["VisibilityTimeout"]?.integer == 600)
        #expect(fixture.transport.isConnected)
        fixture.deliver(["one", "two"], receiveCount: 3)
        #expect(fixture.events.deliveries.map { String(decoding: $0.body.bytes, as: UTF8.self) } == ["one", "two"])
        #expect(fixture.events.deliveries[0].previousDeliveries == 2)
        #expect(fixture.events.deliveries[0].isRedelivered)
    }

    @Test("acknowledged messages are deleted in one call, released ones get their delay in whole seconds")
    func settling() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 10)
        fixture.deliver((0..<10).map { "m\($0)" })
        for delivery in fixture.events.deliveries[..<8] { fixture.transport.acknowledge(delivery.receipt) }
        fixture.transport.release(fixture.events.deliveries[8].receipt, after: .milliseconds(1200))
        fixture.transport.release(fixture.events.deliveries[9].receipt, after: .zero)
        try fixture.run {
            !fixture.http.waiting("DeleteMessageBatch").isEmpty
                && !fixture.http.waiting("ChangeMessageVisibilityBatch").isEmpty
        }
        #expect(self.strings(fixture.http.waiting("DeleteMessageBatch").first, "ReceiptHandle").count == 8)
        let changes = fixture.http.waiting("ChangeMessageVisibilityBatch").first?.members?["Entries"]?.elements ?? []
        #expect(changes.compactMap { $0.members?["VisibilityTimeout"]?.integer } == [2, 0])
        fixture.transport.acknowledge(fixture.events.deliveries[0].receipt)
        #expect(fixture.http.accept("DeleteMessageBatch") == 8)
        try fixture.run { fixture.http.waiting("ReceiveMessage").count == 1 }
        #expect(fixture.http.waiting("DeleteMessageBatch").isEmpty, "a receipt is settled once")
    }

    @Test("messages for one queue leave together, and each of them hears its own outcome")
    func partialFailure() throws {
        let fixture = try TransportFixture()
        fixture.transport.start()
        let destination = Destination(actorName: "b")
        for token in 0..<4 { fixture.publish(#"{"n":\#(token)}"#, to: destination, token: UInt64(token)) }
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
        try fixture.run { !fixture.http.waiting("SendMessageBatch").isEmpty }
        let bodies = self.strings(fixture.http.waiting("SendMessageBatch").first, "MessageBody")
        #expect(bodies == (0..<4).map { #"{"n":\#($0)}"# })
        fixture.http.accept(
            "SendMessageBatch",
            failing: [1: "InternalError", 2: "AWS.SimpleQueueService.NonExistentQueue", 3: "InvalidMessageContents"]
        )
        #expect(fixture.events.outcomes[0] == .accepted)
        #expect(fixture.events.outcomes[1] == .refused(.refusedByBroker))
        #expect(fixture.events.outcomes[2] == .refused(.destinationMissing))
        #expect(fixture.events.outcomes[3] == .refused(.notCarried))
        #expect(fixture.transport.waitingByteCount == 0)
        fixture.publish("again", to: destination, token: 9)
        try fixture.run { !fixture.http.waiting("GetQueueUrl").isEmpty }
    }

    @Test("an entry that the reply does not name has an unknown outcome")
    func unnamedEntries() throws {
        let fixture = try TransportFixture()
        fixture.transport.start()
        fixture.publish("x", to: Destination(actorName: "b"), token: 1)
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
        try fixture.run { fixture.http.answer("SendMessageBatch", #"{"Successful":[],"Failed":[]}"#) }
        #expect(fixture.events.outcomes[1] == .refused(.connectionLost))
    }

    @Test("a destination that cannot be found refuses what waits for it")
    func missingDestination() throws {
        let fixture = try TransportFixture()
        fixture.transport.start()
        let destination = Destination(actorName: "b")
        for token in 0..<12 { fixture.publish("x", to: destination, token: UInt64(token)) }
        let missing = #"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#
        try fixture.run { fixture.http.answer("GetQueueUrl", status: 400, missing) }
        #expect(fixture.events.outcomes.count == 12)
        #expect(fixture.events.outcomes.values.allSatisfy { $0 == .refused(.destinationMissing) })
    }

    @Test("messages that SQS does not take at all are refused without a call, the others of the batch are sent")
    func notCarried() throws {
        let fixture = try TransportFixture()
        fixture.transport.start()
        let destination = Destination(actorName: "b")
        fixture.publish(String(repeating: "x", count: 1024 * 1024 + 1), to: destination, token: 1)
        fixture.publish("a\u{1}b", to: destination, token: 2)
        fixture.publish("good", to: destination, token: 3)
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
        try fixture.run { fixture.http.accept("SendMessageBatch") == 1 }
        try fixture.run { fixture.events.outcomes.count == 3 }
        #expect(fixture.events.outcomes[1] == .refused(.tooLarge))
        #expect(fixture.events.outcomes[2] == .refused(.notCarried))
        #expect(fixture.events.outcomes[3] == .accepted)
        #expect(fixture.transport.waitingByteCount == 0)
    }

    @Test("above four mebibytes waiting nothing more is taken, and the change is announced by its end")
    func backPressure() throws {
        let fixture = try TransportFixture()
        fixture.transport.start()
        let large = String(repeating: "x", count: 1024 * 1024)
        let destination = Destination(actorName: "b")
        for token in 0..<4 { fixture.publish(large, to: destination, token: UInt64(token)) }
        #expect(!fixture.transport.canPublish)
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
        // Too large for a batch: each goes alone.
        try fixture.run { fixture.http.waiting("SendMessage").count == 4 }
        fixture.http.answer("SendMessage", #"{"MessageId":"1"}"#)
        #expect(fixture.events.outcomes[0] == .accepted)
        #expect(fixture.transport.canPublish)
    }

    @Test("while paused nothing is reported, afterwards everything in order")
    func pause() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 10)
        fixture.events.onDelivery = { [unowned fixture] _ in fixture.transport.setPaused(true) }
        fixture.deliver(["a", "b", "c"])
        #expect(fixture.events.deliveries.count == 1)
        fixture.events.onDelivery = { _ in }
        fixture.transport.setPaused(false)
        try fixture.run { fixture.events.deliveries.count == 3 }
        #expect(fixture.events.deliveries.map { String(decoding: $0.body.bytes, as: UTF8.self) } == ["a", "b", "c"])
    }

    @Test("what a long poll brings during a shutdown is released, and only then everything is closed")
    func latePoll() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 10)
        fixture.transport.stopReceiving()
        fixture.transport.close(limit: .milliseconds(50))
        try fixture.run { true }
        #expect(!fixture.events.isClosed)
        fixture.deliver(["late"])
        #expect(fixture.events.deliveries.isEmpty)
        try fixture.run { fixture.http.accept("ChangeMessageVisibilityBatch") == 1 }
        try fixture.run { fixture.events.isClosed }
        #expect(fixture.http.isClosed)
        #expect(!fixture.http.actions.dropFirst(2).contains("ReceiveMessage"))
    }

    @Test("with a dead runtime the end does not wait for a long poll longer than told")
    func deadRuntime() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 10)
        fixture.transport.setRuntimeAlive(false)
        fixture.transport.stopReceiving()
        fixture.transport.close(limit: .milliseconds(20))
        try fixture.run { fixture.events.isClosed }
        #expect(fixture.events.isClosed)
    }

    @Test("a failed receive call drops the URL, says so, and finds the queue again")
    func receiveFails() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 1)
        let missing = #"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#
        fixture.http.answer("ReceiveMessage", status: 400, missing)
        #expect(!fixture.transport.isConnected)
        try fixture.run { fixture.http.answer("GetQueueUrl", status: 400, missing) }
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-a"}"#) }
        #expect(fixture.transport.isConnected)
        #expect(fixture.connections == [true, false, true])
        try fixture.run { !fixture.http.waiting("ReceiveMessage").isEmpty }
    }
}
