import AWS
import Sidecar
import Support
import Testing
import Traces

@testable import SidecarSQS

@Suite("Traces beside the body")
struct TraceAttributeTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private let trace = TraceHeaders(traceparent: Array(parent.utf8), tracestate: Array("v=1".utf8))
    private let destination = Destination(actorName: "b")

    private func started() throws -> TransportFixture {
        let fixture = try TransportFixture()
        fixture.transport.start()
        return fixture
    }

    private func entries(_ fixture: TransportFixture) throws -> [[String: JSONValue]] {
        if self.destination.prepared == nil || fixture.http.actions.isEmpty {
            try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
        }
        try fixture.run { !fixture.http.waiting("SendMessageBatch").isEmpty }
        let elements = fixture.http.waiting("SendMessageBatch").first?.members?["Entries"]?.elements ?? []
        return elements.compactMap(\.members)
    }

    @Test("a trace is sent as attributes; without one the request has none")
    func sending() throws {
        let fixture = try self.started()
        fixture.publish("traced", to: self.destination, token: 1, trace: self.trace)
        fixture.publish("plain", to: self.destination, token: 2)
        let entries = try self.entries(fixture)
        let attributes = try #require(entries[0]["MessageAttributes"]?.members)
        #expect(attributes["traceparent"]?.members?["StringValue"] == .string(Self.parent))
        #expect(attributes["traceparent"]?.members?["DataType"] == .string("String"))
        #expect(attributes["tracestate"]?.members?["StringValue"] == .string("v=1"))
        #expect(entries[0]["MessageBody"] == .string("traced"))
        #expect(entries[1] == ["Id": .string("1"), "MessageBody": .string("plain")])
        #expect(fixture.http.accept("SendMessageBatch") == 2)
        #expect(fixture.transport.waitingByteCount == 0)
    }

    @Test("attributes count towards the batch: two messages that would fit without them go apart")
    func batchLimit() throws {
        let half = String(repeating: "x", count: 128 * 1024)
        for (trace, count) in [(nil, 2), (self.trace, 1)] as [(TraceHeaders?, Int)] {
            let fixture = try self.started()
            let destination = Destination(actorName: "b")
            for token in 1...2 as ClosedRange<UInt64> {
                fixture.publish(half, to: destination, token: token, trace: trace)
            }
            try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
            try fixture.run { !fixture.http.waiting("SendMessageBatch").isEmpty }
            #expect(fixture.http.accept("SendMessageBatch") == count)
        }
    }

    @Test("a body that fills the message alone is sent without its attributes")
    func messageLimit() throws {
        let fixture = try self.started()
        fixture.publish(String(repeating: "x", count: 1024 * 1024), to: self.destination, token: 1, trace: self.trace)
        try fixture.run { fixture.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/asya-b"}"#) }
        try fixture.run { !fixture.http.waiting("SendMessage").isEmpty }
        #expect(fixture.http.waiting("SendMessage").first?.members?["MessageAttributes"] == nil)
    }

    @Test("when a queue with a lower limit refuses the message, the next attempt leaves the attributes out")
    func learntLimit() throws {
        let fixture = try self.started()
        let body = String(repeating: "x", count: 1000)
        fixture.publish(body, to: self.destination, token: 1, trace: self.trace)
        #expect(try self.entries(fixture)[0]["MessageAttributes"] != nil)
        let refusal = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
        fixture.http.answer(
            "SendMessageBatch",
            #"{"Failed":[{"Id":"0","Code":"InvalidParameterValue","Message":"\#(refusal)","SenderFault":true}]}"#
        )
        #expect(fixture.events.outcomes[1] == .refused(.refusedByBroker))
        fixture.publish(body, to: self.destination, token: 2, trace: self.trace)
        try fixture.run { !fixture.http.waiting("SendMessageBatch").isEmpty }
        let again = fixture.http.waiting("SendMessageBatch").first?.members?["Entries"]?.elements?.first?.members
        #expect(again?["MessageAttributes"] == nil && again?["MessageBody"] == .string(body))
    }

    @Test("received attributes are handed on, and exactly they are asked for")
    func receiving() throws {
        let fixture = try TransportFixture()
        try fixture.startReceiving(window: 2)
        let request = fixture.http.waiting("ReceiveMessage").first?.members
        #expect(request?["MessageAttributeNames"] == .array([.string("traceparent"), .string("tracestate")]))
        let attributes = #"{"traceparent":{"DataType":"String","StringValue":"\#(Self.parent)"}}"#
        let messages = [
            #"{"MessageId":"1","ReceiptHandle":"h1","Body":"a","MessageAttributes":\#(attributes)}"#,
            #"{"MessageId":"2","ReceiptHandle":"h2","Body":"b"}"#,
        ]
        fixture.http.answer("ReceiveMessage", #"{"Messages":[\#(messages.joined(separator: ","))]}"#)
        #expect(fixture.events.deliveries.map { $0.trace?.context.traceparent } == [Self.parent, nil])
    }
}
