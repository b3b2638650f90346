import LocalQueue
import Support

/// A stored message for people and for programs.
enum MessageText {
    /// Columns of a payload that a table shows.
    static let previewLength = 100

    static func table(_ messages: [StoredMessage], now: Int64) -> TextTable {
        var table = TextTable([
            ("MESSAGE", .right), ("STATE", .left), ("TRIES", .right), ("AGE", .right), ("ENVELOPE", .left),
            ("ROUTE", .left), ("SIZE", .right), ("PAYLOAD", .left),
        ])
        for message in messages {
            let summary = EnvelopeSummary(message.body)
            table.add([
                "\(message.id)", message.state.rawValue, "\(message.deliveryCount)",
                TimeText.duration(from: message.enqueuedAt, to: now), message.envelopeID, summary.routeText,
                TimeText.byteCount(message.bodyByteCount), self.preview(summary.payload ?? message.body),
            ])
        }
        return table
    }

    /// The beginning of a text of any size.
    static func preview(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(self.previewLength * 4), as: UTF8.self)
        let isCut = bytes.count > self.previewLength * 4 || text.count > self.previewLength
        return text.prefix(self.previewLength) + (isCut ? "…" : "")
    }

    static func write(_ message: StoredMessage, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("message")
        writer.integer(message.id)
        writer.name("queue")
        writer.string(message.queueName)
        writer.name("envelope_id")
        writer.string(message.envelopeID)
        writer.name("state")
        writer.string(message.state.rawValue)
        writer.name("deliveries")
        writer.integer(message.deliveryCount)
        writer.name("enqueued_at")
        writer.string(TimeText.timestamp(message.enqueuedAt))
        writer.name("from_queue")
        if let origin = message.originQueueName { writer.string(origin) } else { writer.null() }
        writer.name("bytes")
        writer.integer(message.bodyByteCount)
        self.writeBody(message.body, to: &writer)
        writer.endObject()
    }

    /// As JSON when it is JSON, else as text.
    private static func writeBody(_ body: [UInt8], to writer: inout JSONWriter) {
        if let json = try? EnvelopeDraft.value(body) {
            writer.name("envelope")
            writer.raw(json)
        } else {
            writer.name("body")
            writer.string(String(decoding: body, as: UTF8.self))
        }
    }
}
