import Support
import Traces

/// What ReceiveMessage asks for (`sidecar.md` 7.2). The request is the same every time, so it is written once.
public struct ReceiveOptions: Sendable, Equatable {
    /// Seconds that a message may stay hidden: up to 12 h.
    public static let visibilityBounds = 0...43_200
    /// Seconds of one long poll.
    public static let waitBounds = 0...20
    /// Messages of one reply.
    public static let messageBounds = 1...10

    /// At most this many messages.
    public var messageLimit: Int
    /// How long to wait for the first one.
    public var waitSeconds: Int
    /// How long the received ones stay hidden.
    public var visibilitySeconds: Int

    /// Options, each moved to the nearest value that the service takes.
    public init(messageLimit: Int, waitSeconds: Int, visibilitySeconds: Int) {
        self.messageLimit = Self.nearest(messageLimit, in: Self.messageBounds)
        self.waitSeconds = Self.nearest(waitSeconds, in: Self.waitBounds)
        self.visibilitySeconds = Self.nearest(visibilitySeconds, in: Self.visibilityBounds)
    }

    /// The body of a ReceiveMessage request. `AttributeNames` is the older spelling of `MessageSystemAttributeNames`,
    /// which emulators may know alone. Of the message's own attributes nothing but the trace headers is wanted.
    public func requestBody(queue: QueueAddress) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.name("QueueUrl")
        json.raw(queue.json)
        json.name("MaxNumberOfMessages")
        json.integer(self.messageLimit)
        json.name("WaitTimeSeconds")
        json.integer(self.waitSeconds)
        json.name("VisibilityTimeout")
        json.integer(self.visibilitySeconds)
        for name in ["MessageSystemAttributeNames", "AttributeNames"] {
            json.name(name)
            json.beginArray()
            json.string("ApproximateReceiveCount")
            json.string("SentTimestamp")
            if queue.isFIFO { json.string("MessageGroupId") }
            json.endArray()
        }
        json.name("MessageAttributeNames")
        json.beginArray()
        for name in TraceHeaders.attributeNames { json.string(name.description) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func nearest(_ value: Int, in bounds: ClosedRange<Int>) -> Int {
        min(max(value, bounds.lowerBound), bounds.upperBound)
    }
}
