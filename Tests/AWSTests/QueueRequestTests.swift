import Support
import Testing

@testable import AWS

@Suite struct QueueRequestTests {
    static let queue = QueueAddress(url: "https://sqs.eu-west-1.amazonaws.com/123456789012/asya-x")
    static let policy = RedrivePolicy(
        deadLetterTargetARN: "arn:aws:sqs:eu-west-1:123456789012:asya-dlq",
        maxReceiveCount: 3
    )

    private func matches(_ request: QueueRequest) throws -> Bool {
        let ours = try JSONValue(parsing: String(decoding: request.body, as: UTF8.self))
        return try ours == JSONValue(parsing: SignatureFixtures.recordedBody(request.action.rawValue))
    }

    @Test(
        "requests are what AWS's own client sends",
        arguments: [
            QueueRequest.queueURL(name: "asya-x"),
            .create(
                name: "asya-x",
                attributes: QueueAttributes(visibilitySeconds: 300, retentionSeconds: 345_600, redrivePolicy: policy),
                tags: ["asya.sh/actor": "x", "asya.sh/namespace": "default"]
            ),
            .delete(queue), .purge(queue), .set(QueueAttributes(visibilitySeconds: 60), of: queue),
            .tag(queue, tags: ["asya.sh/type": "dlq"]),
        ]
    )
    func recorded(request: QueueRequest) throws {
        #expect(try self.matches(request))
    }

    @Test("listing asks page by page")
    func list() throws {
        let body = String(decoding: QueueRequest.list(prefix: "asya-", pageToken: "t").body, as: UTF8.self)
        #expect(body == #"{"QueueNamePrefix":"asya-","MaxResults":1000,"NextToken":"t"}"#)
        let page = try QueueList(reply: Array(#"{"QueueUrls":["http://h/1/a","http://h/1/b"],"NextToken":"n"}"#.utf8))
        #expect(page.queues.map { $0.name } == ["a", "b"] && page.nextPageToken == "n")
        #expect(try QueueList(reply: Array("{}".utf8)).queues.isEmpty)
    }

    @Test("a FIFO queue is created as one")
    func fifo() {
        let body = QueueRequest.create(name: "asya-x.fifo", attributes: QueueAttributes()).body
        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"QueueName":"asya-x.fifo","Attributes":{"FifoQueue":"true"}}"#
        )
    }

    @Test("one message is sent with its text checked")
    func send() throws {
        func request(_ text: String) throws -> QueueRequest {
            try Array(text.utf8).withUnsafeBytes { try QueueRequest.send($0, to: Self.queue) }
        }
        #expect(
            String(decoding: try request("{\"a\":1}").body, as: UTF8.self).hasSuffix(#","MessageBody":"{\"a\":1}"}"#)
        )
        #expect(throws: MessageCharacterError(offset: 1)) { try request("a\u{1}") }
    }

    @Test("attributes are read, counts as numbers")
    func attributes() throws {
        let reply = #"""
            {"Attributes":{"VisibilityTimeout":"300","MessageRetentionPeriod":"345600","QueueArn":"arn:q",
            "ApproximateNumberOfMessages":"5","ApproximateNumberOfMessagesNotVisible":"2",
            "ApproximateNumberOfMessagesDelayed":"0",
            "RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:d\",\"maxReceiveCount\":\"4\"}"}}
            """#
        let attributes = try QueueAttributes(reply: Array(reply.utf8))
        #expect(attributes.visibilitySeconds == 300 && attributes.retentionSeconds == 345_600)
        #expect(attributes.arn == "arn:q" && attributes.delayedCount == 0)
        #expect(attributes.waitingCount == 5 && attributes.inFlightCount == 2)
        #expect(attributes.redrivePolicy == RedrivePolicy(deadLetterTargetARN: "arn:d", maxReceiveCount: 4))
        #expect(try QueueAttributes(reply: Array("{}".utf8)) == QueueAttributes())
        #expect(RedrivePolicy(parsing: Self.policy.text) == Self.policy)
        #expect(RedrivePolicy(parsing: "{}") == nil && RedrivePolicy(parsing: "x") == nil)
    }

    @Test("replies without what was asked for are errors")
    func malformed() {
        #expect(throws: RequestFailure.self) { try QueueReply.queueURL(Array("{}".utf8)) }
        #expect(throws: RequestFailure.self) { try QueueReply.queueURL(Array(#"{"QueueUrl":""}"#.utf8)) }
        #expect(throws: RequestFailure.self) { try QueueReply.messageID(Array("[]".utf8)) }
        #expect(throws: RequestFailure.self) { try QueueAttributes(reply: Array("oops".utf8)) }
    }
}
