import Foundation
import Support
import Testing
import Traces

@testable import AWS

@Suite struct MessageRequestWriterTests {
    static let queue = QueueAddress(url: "https://sqs.eu-west-1.amazonaws.com/123456789012/asya-x")
    static let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    static let body =
        #"{"id":"ä-1","route":{"actors":["a","b"],"current":0},"payload":{"text":"line\nbreak \"q\""}}"#

    private func writer() -> MessageRequestWriter { MessageRequestWriter(buffer: RequestBuffer(capacity: 64)) }

    private func value(_ writer: MessageRequestWriter) throws -> JSONValue {
        try JSONValue(parsing: String(decoding: writer.buffer.bytes, as: UTF8.self), byteLimit: 1 << 24)
    }

    private func recorded(_ action: String) throws -> JSONValue {
        try JSONValue(parsing: SignatureFixtures.recordedBody(action))
    }

    private func append(_ text: String, to writer: inout MessageRequestWriter) throws {
        let bytes = Array(text.utf8)
        try bytes.withUnsafeBytes { try writer.body($0) }
    }

    private func withBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
    {
        try Array(text.utf8).withUnsafeBytes(body)
    }

    @Test("a batch of messages is what AWS's own client sends, bodies in pieces, attributes and FIFO members included")
    func sendBatch() throws {
        var writer = self.writer()
        writer.beginBatch(queue: Self.queue)
        writer.beginMessage(id: 0)
        let middle = try #require(Self.body.firstIndex(of: "r"))
        try self.append(String(Self.body[..<middle]), to: &writer)
        try self.append(String(Self.body[middle...]), to: &writer)
        try writer.endMessage()
        writer.beginMessage(id: 1)
        try self.append("plain\ttext", to: &writer)
        let trace = try #require(TraceHeaders(traceparent: Array(Self.traceparent.utf8)))
        try writer.endMessage(trace: trace, fifo: FIFOPlacement(groupID: "g", deduplicationID: "d"))
        writer.endBatch()
        #expect(try self.value(writer) == self.recorded("SendMessageBatch"))
    }

    @Test("one message alone is what AWS's own client sends")
    func single() throws {
        var writer = self.writer()
        writer.beginSingle(queue: Self.queue)
        try self.append(Self.body, to: &writer)
        try writer.endSingle()
        #expect(try self.value(writer) == self.recorded("SendMessage"))
    }

    @Test("deletions splice receipt handles as they came")
    func deletions() throws {
        var writer = self.writer()
        writer.beginBatch(queue: Self.queue)
        self.withBytes(#""AQEB\/a+b==""#) { writer.deletion(id: 0, receiptHandle: $0) }
        self.withBytes(#""odd\"handle""#) { writer.deletion(id: 7, receiptHandle: $0) }
        writer.endBatch()
        #expect(try self.value(writer) == self.recorded("DeleteMessageBatch"))
    }

    @Test("visibility changes are bounded to what the service takes")
    func visibility() throws {
        var writer = self.writer()
        writer.beginBatch(queue: Self.queue)
        self.withBytes("\"AQEB\"") { writer.visibilityChange(id: 3, receiptHandle: $0, seconds: 30) }
        writer.endBatch()
        #expect(try self.value(writer) == self.recorded("ChangeMessageVisibilityBatch"))
        writer.beginBatch(queue: Self.queue)
        self.withBytes("\"a\"") { writer.visibilityChange(id: 0, receiptHandle: $0, seconds: -1) }
        self.withBytes("\"b\"") { writer.visibilityChange(id: 1, receiptHandle: $0, seconds: 99_999) }
        writer.endBatch()
        let seconds = try self.value(writer).members?["Entries"]?.elements?.map { $0.members?["VisibilityTimeout"] }
        #expect(seconds == [.number(0), .number(43_200)])
    }

    @Test("receive requests are what AWS's own client sends")
    func receive() throws {
        let options = ReceiveOptions(messageLimit: 99, waitSeconds: 99, visibilitySeconds: 600)
        let body = String(decoding: options.requestBody(queue: Self.queue), as: UTF8.self)
        #expect(try JSONValue(parsing: body) == self.recorded("ReceiveMessage"))
        let fifo = options.requestBody(queue: QueueAddress(url: "http://h/1/asya-x.fifo"))
        #expect(String(decoding: fifo, as: UTF8.self).contains("MessageGroupId"))
        #expect(!body.contains("MessageGroupId"))
    }

    @Test(
        "characters that SQS does not carry are found with their place",
        arguments: [
            ("a\u{0}", 1), ("\u{1}", 0), ("ab\u{B}", 2), ("\u{1F}", 0), ("x\u{FFFE}", 1), ("é\u{FFFF}", 2),
            ("\u{FFFD}\u{FFFE}", 3),
        ]
    )
    func refused(text: String, offset: Int) throws {
        var writer = self.writer()
        writer.beginBatch(queue: Self.queue)
        writer.beginMessage(id: 0)
        #expect(throws: MessageCharacterError(offset: offset)) { try self.append(text, to: &writer) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func invalidUTF8() {
        for bytes in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0x61, 0xC0, 0x80], [0xEF, 0xBF]] as [[UInt8]] {
            var writer = self.writer()
            writer.beginSingle(queue: Self.queue)
            #expect(throws: MessageCharacterError.self) { try bytes.withUnsafeBytes { try writer.body($0) } }
        }
    }

    @Test("everything else passes, at the edges of the allowed ranges too")
    func accepted() throws {
        let text = "\t\n\r \u{7F}\u{80}\u{D7FF}\u{E000}\u{FFFD}\u{FFFC}\u{10000}\u{10FFFF}\u{F0FF}\"\\/"
        var writer = self.writer()
        writer.beginSingle(queue: Self.queue)
        try self.append(text, to: &writer)
        try writer.endSingle()
        #expect(try self.value(writer).members?["MessageBody"] == .string(text))
    }

    @Test("a refused message leaves the rest of its batch as it was")
    func takenBack() throws {
        var writer = self.writer()
        writer.beginBatch(queue: Self.queue)
        writer.beginMessage(id: 0)
        #expect(throws: MessageCharacterError.self) { try self.append("\u{2}", to: &writer) }
        writer.beginMessage(id: 1)
        try self.append("good", to: &writer)
        try writer.endMessage()
        writer.beginMessage(id: 2)
        try self.append("fine so far", to: &writer)
        #expect(throws: MessageCharacterError.self) { try self.append("bad\u{1}", to: &writer) }
        writer.endBatch()
        let entries = try self.value(writer).members?["Entries"]?.elements
        #expect(entries == [.object(["Id": .string("1"), "MessageBody": .string("good")])])
    }

    @Test("a FIFO message is grouped by its envelope and deduplicated by its bytes")
    func fifo() {
        #expect(QueueAddress(url: "http://h/1/asya-x.fifo").isFIFO)
        #expect(!Self.queue.isFIFO && Self.queue.name == "asya-x")
        func placement(_ id: String, _ body: String, source: UInt64? = nil) -> FIFOPlacement {
            self.withBytes(id) { id in
                self.withBytes(body) { FIFOPlacement(group: id, source: source, body: $0) }
            }
        }
        let first = placement("env-1", "{}")
        #expect(first.groupID == "env-1")
        #expect(first == placement("env-1", "{}"))
        #expect(first.deduplicationID != placement("env-1", "{ }").deduplicationID)
        #expect(first.deduplicationID.utf8.count == 64)
        let derived = placement("env-1", "{}", source: 1)
        #expect(derived == placement("env-1", "{}", source: 1))
        #expect(derived.deduplicationID != first.deduplicationID && derived.deduplicationID.utf8.count == 64)
        #expect(derived.deduplicationID != placement("env-1", "{}", source: 2).deduplicationID)
        for id in ["", "with space", "ä", String(repeating: "x", count: 129)] {
            #expect(placement(id, "").groupID.utf8.count == 64)
        }
    }

    @Test("a trace is sent as attributes of the type String, escaped, and its size counts names, types and values")
    func trace() throws {
        var writer = self.writer()
        writer.beginSingle(queue: Self.queue)
        try self.append("b", to: &writer)
        let state = #"vendor="a\b""#
        let trace = try #require(
            TraceHeaders(traceparent: Array(Self.traceparent.utf8), tracestate: Array(state.utf8))
        )
        try writer.endSingle(trace: trace)
        let attributes = try self.value(writer).members?["MessageAttributes"]
        func attribute(_ text: String) -> JSONValue {
            .object(["DataType": .string("String"), "StringValue": .string(text)])
        }
        #expect(
            attributes == .object(["traceparent": attribute(Self.traceparent), "tracestate": attribute(state)])
        )
        #expect(trace.attributeByteCount == 11 + 6 + 55 + 10 + 6 + state.utf8.count)
        let alone = try #require(TraceHeaders(traceparent: Array(Self.traceparent.utf8)))
        #expect(alone.attributeByteCount == 11 + 6 + 55)
    }
}
