import Envelope
import Testing
import Traces

@testable import AWS

@Suite struct ReceiveReplyTests {
    /// A reply as SQS sends it; the MD5 is that of the decoded body.
    static let reply = #"""
        {"Messages":[{"MessageId":"m-1","ReceiptHandle":"AQEB\/a+b==","MD5OfBody":"f85f05019fdfab55b392aebb9a050853",
        "Body":"{\"id\":\"\u00e4\",\"t\":\"a\\nb\"}",
        "Attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1700000000123","MessageGroupId":"g\/1"},
        "MD5OfMessageAttributes":"x","MessageAttributes":{"other":{"StringValue":"1","DataType":"Number"},
        "traceparent":{"DataType":"String","StringValue":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}]}
        """#
    static let decodedBody = #"{"id":"ä","t":"a\nb"}"#

    private func withMessages<Result>(
        _ text: String,
        _ body: ([ReceivedMessage], UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var messages: [ReceivedMessage] = []
            try ReceiveReply.read(bytes, into: &messages)
            return try body(messages, bytes)
        }
    }

    @Test("a message is found and its body decoded once into the caller's memory")
    func reads() throws {
        try self.withMessages(Self.reply) { messages, bytes in
            let message = try #require(messages.first)
            #expect(messages.count == 1)
            #expect(message.messageID?.string(in: bytes) == "m-1")
            #expect(message.receiveCount == 3)
            #expect(message.sentMilliseconds == 1_700_000_000_123)
            #expect(String(decoding: bytes[message.receiptHandle.range], as: UTF8.self) == #""AQEB\/a+b==""#)
            #expect(message.groupID?.string(in: bytes) == "g/1")
            let trace = try #require(message.traceHeaders(in: bytes))
            #expect(trace.context.traceparent == MessageRequestWriterTests.traceparent && trace.tracestate.isEmpty)
            let capacity = message.body.contents.count
            try withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { memory in
                let count = message.body.decode(in: bytes, into: memory)
                try #require(count <= capacity)
                let decoded = UnsafeRawBufferPointer(rebasing: memory[..<count])
                #expect(String(decoding: decoded, as: UTF8.self) == Self.decodedBody)
                #expect(message.matchesMD5(decodedBody: decoded, in: bytes))
                memory[0] = UInt8(ascii: "[")
                #expect(!message.matchesMD5(decodedBody: decoded, in: bytes))
            }
        }
    }

    @Test("a reply without messages is empty", arguments: ["{}", #"{"Messages":[]}"#, #"{"Messages":null}"#])
    func empty(text: String) throws {
        try self.withMessages(text) { messages, _ in #expect(messages.isEmpty) }
    }

    @Test(
        "what is missing has a default",
        arguments: [
            #"{"Messages":[{"ReceiptHandle":"r","Body":""}]}"#,
            #"{"Messages":[{"ReceiptHandle":"r","Body":"","Attributes":null,"MessageAttributes":3}]}"#,
            #"{"Messages":[{"ReceiptHandle":"r","Body":"","Attributes":{"ApproximateReceiveCount":"many"}}]}"#,
            #"{"Messages":[{"ReceiptHandle":"r","Body":"","Attributes":{"ApproximateReceiveCount":7}}]}"#,
            #"{"Messages":[{"ReceiptHandle":"r","Body":"","Attributes":{"ApproximateReceiveCount":"0"}}]}"#,
        ]
    )
    func defaults(text: String) throws {
        try self.withMessages(text) { messages, bytes in
            let message = try #require(messages.first)
            #expect(message.receiveCount == 1 && message.sentMilliseconds == nil && message.messageID == nil)
            #expect(message.traceHeaders(in: bytes) == nil && message.groupID == nil)
            #expect(message.matchesMD5(decodedBody: UnsafeRawBufferPointer(start: nil, count: 0), in: bytes))
        }
    }

    @Test(
        "attributes that name no valid trace are ignored, and a bad tracestate alone",
        arguments: [
            (#""traceparent":{"StringValue":"00-aa-bb-01","DataType":"String"}"#, nil),
            (#""traceparent":{"BinaryValue":"MDA=","DataType":"Binary"}"#, nil),
            (#""tracestate":{"StringValue":"a=1","DataType":"String"}"#, nil),
            (#""traceparent":7"#, nil),
            (#"\#(valid),"tracestate":{"StringValue":"a=1","DataType":"String"}"#, "a=1"),
            (#"\#(valid),"tracestate":{"StringValue":"a=\u00e4","DataType":"String"}"#, ""),
            (#"\#(valid),"tracestate":{"StringValue":"","DataType":"String"}"#, ""),
        ] as [(String, String?)]
    )
    func trace(attributes: String, state: String?) throws {
        let text = #"{"Messages":[{"ReceiptHandle":"r","Body":"","MessageAttributes":{\#(attributes)}}]}"#
        try self.withMessages(text) { messages, bytes in
            let trace = messages.first?.traceHeaders(in: bytes)
            #expect(trace.map { String(decoding: $0.tracestate, as: UTF8.self) } == state)
        }
    }

    private static let valid =
        #""traceparent":{"StringValue":"\#(MessageRequestWriterTests.traceparent)","DataType":"String"}"#

    @Test(
        "a malformed reply is an error and never a crash",
        arguments: [
            "", "[]", "null", "{", #"{"Messages":{}}"#, #"{"Messages":[1]}"#, #"{"Messages":[{"Body":"b"}]}"#,
            #"{"Messages":[{"ReceiptHandle":"r"}]}"#, #"{"Messages":[{"ReceiptHandle":"","Body":"b"}]}"#,
            #"{"Messages":[{"ReceiptHandle":5,"Body":"b"}]}"#, "<html>",
            #"{"Messages":[{"ReceiptHandle":"r","Body":"b"}]"#,
        ]
    )
    func malformed(text: String) {
        #expect(throws: RequestFailure.self) { try self.withMessages(text) { _, _ in } }
    }

    @Test("a reply cut off at any byte is an error")
    func truncated() {
        for count in 0..<Self.reply.utf8.count {
            let cut = String(decoding: Array(Self.reply.utf8)[..<count], as: UTF8.self)
            #expect(throws: RequestFailure.self) { try self.withMessages(cut) { _, _ in } }
        }
    }

    @Test("more than ten messages are refused")
    func tooMany() throws {
        let message = #"{"ReceiptHandle":"r","Body":"b"}"#
        func reply(_ count: Int) -> String {
            "{\"Messages\":[\(Array(repeating: message, count: count).joined(separator: ","))]}"
        }
        try self.withMessages(reply(10)) { messages, _ in #expect(messages.count == 10) }
        #expect(throws: RequestFailure.self) { try self.withMessages(reply(11)) { _, _ in } }
    }

    @Test("a digest of the wrong form does not match")
    func digests() throws {
        for digest in ["", "zz", String(repeating: "z", count: 32), "d41d8cd98f00b204e9800998ecf8427"] {
            try self.withMessages(#"{"Messages":[{"ReceiptHandle":"r","Body":"","MD5OfBody":"\#(digest)"}]}"#) {
                let empty = UnsafeRawBufferPointer(start: nil, count: 0)
                #expect($0.first?.matchesMD5(decodedBody: empty, in: $1) == false)
            }
        }
        try self.withMessages(
            #"{"Messages":[{"ReceiptHandle":"r","Body":"","MD5OfBody":"D41D8CD98F00B204E9800998ECF8427E"}]}"#
        ) {
            let empty = UnsafeRawBufferPointer(start: nil, count: 0)
            #expect($0.first?.matchesMD5(decodedBody: empty, in: $1) == true)
        }
    }
}

@Suite struct BatchReplyTests {
    private func entries(_ text: String) throws -> [(id: Int, kind: SQSError.Kind?)] {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var entries: [(id: Int, kind: SQSError.Kind?)] = []
            try BatchReply.forEachEntry(of: bytes) { entries.append(($0, $1?.kind)) }
            return entries
        }
    }

    @Test("each entry has an outcome of its own")
    func partial() throws {
        let entries = try self.entries(
            #"""
            {"Successful":[{"Id":"0","MessageId":"m","MD5OfMessageBody":"x"},{"Id":"12"}],
             "Failed":[{"Id":"3","SenderFault":true,"Code":"ReceiptHandleIsInvalid","Message":"gone"},
                       {"Id":"4","SenderFault":false,"Code":"InternalError"}]}
            """#
        )
        #expect(entries.map { $0.id } == [0, 12, 3, 4])
        #expect(entries.map { $0.kind } == [nil, nil, .receiptHandleInvalid, .serverFault])
        #expect(try self.entries(#"{"Successful":null,"Failed":[]}"#).isEmpty)
    }

    @Test(
        "a reply that names no entry properly is an error",
        arguments: [
            "", "[]", #"{"Successful":{}}"#, #"{"Successful":[1]}"#, #"{"Successful":[{}]}"#,
            #"{"Successful":[{"Id":"x"}]}"#, #"{"Failed":[{"Id":-1}]}"#, #"{"Failed":[{"Id":""}]}"#,
            #"{"Failed":[{"Id":"9999999999999999999"}]}"#,
        ]
    )
    func malformed(text: String) {
        #expect(throws: RequestFailure.self) { try self.entries(text) }
    }
}
