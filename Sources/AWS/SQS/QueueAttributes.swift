import Support

/// Where a queue moves messages that were received too often.
public struct RedrivePolicy: Sendable, Equatable {
    /// ARN of the dead-letter queue.
    public let deadLetterTargetARN: String
    /// Receives after which a message is moved.
    public let maxReceiveCount: Int

    /// A policy.
    public init(deadLetterTargetARN: String, maxReceiveCount: Int) {
        self.deadLetterTargetARN = deadLetterTargetARN
        self.maxReceiveCount = maxReceiveCount
    }

    /// Reads the attribute. AWS writes the count as a number, older queues and emulators as a string.
    public init?(parsing text: String) {
        guard let members = try? JSONValue(parsing: text).members else { return nil }  // Not JSON: no policy of ours.
        guard let target = members["deadLetterTargetArn"]?.string else { return nil }
        let count = members["maxReceiveCount"]
        guard let limit = count?.integer ?? count?.string.flatMap({ Int($0) }) else { return nil }
        self.init(deadLetterTargetARN: target, maxReceiveCount: limit)
    }

    /// The name at the end of the ARN, `arn:aws:sqs:region:account:name`.
    public var deadLetterQueueName: String {
        self.deadLetterTargetARN.split(separator: ":").last.map { String($0) } ?? ""
    }

    /// `{"deadLetterTargetArn":"…","maxReceiveCount":3}` (`operator.md` 9).
    public var text: String {
        var json = JSONWriter()
        json.beginObject()
        json.name("deadLetterTargetArn")
        json.string(self.deadLetterTargetARN)
        json.name("maxReceiveCount")
        json.integer(self.maxReceiveCount)
        json.endObject()
        return json.text
    }
}

/// Attributes of a queue that are set or read; absent ones are not touched, or were not told.
public struct QueueAttributes: Sendable, Equatable {
    /// `VisibilityTimeout`.
    public var visibilitySeconds: Int?
    /// `MessageRetentionPeriod`.
    public var retentionSeconds: Int?
    /// `RedrivePolicy`.
    public var redrivePolicy: RedrivePolicy?
    /// `QueueArn`; read only.
    public private(set) var arn: String?
    /// `ApproximateNumberOfMessages`: waiting; read only.
    public private(set) var waitingCount: Int?
    /// `ApproximateNumberOfMessagesNotVisible`: received and not deleted; read only.
    public private(set) var inFlightCount: Int?
    /// `ApproximateNumberOfMessagesDelayed`; read only.
    public private(set) var delayedCount: Int?

    /// Attributes to set.
    public init(visibilitySeconds: Int? = nil, retentionSeconds: Int? = nil, redrivePolicy: RedrivePolicy? = nil) {
        self.visibilitySeconds = visibilitySeconds
        self.retentionSeconds = retentionSeconds
        self.redrivePolicy = redrivePolicy
    }

    /// Reads a GetQueueAttributes reply.
    public init(reply: [UInt8]) throws(RequestFailure) {
        let members = try QueueReply.members(of: reply)
        let attributes = members["Attributes"]?.members ?? [:]
        func number(_ name: String) -> Int? { attributes[name]?.string.flatMap { Int($0) } }
        self.init(
            visibilitySeconds: number("VisibilityTimeout"),
            retentionSeconds: number("MessageRetentionPeriod"),
            redrivePolicy: attributes["RedrivePolicy"]?.string.flatMap { RedrivePolicy(parsing: $0) }
        )
        self.arn = attributes["QueueArn"]?.string
        self.waitingCount = number("ApproximateNumberOfMessages")
        self.inFlightCount = number("ApproximateNumberOfMessagesNotVisible")
        self.delayedCount = number("ApproximateNumberOfMessagesDelayed")
    }

    /// The attributes that can be set, as the service spells them.
    var values: [String: String] {
        var values: [String: String] = [:]
        if let seconds = self.visibilitySeconds { values["VisibilityTimeout"] = String(seconds) }
        if let seconds = self.retentionSeconds { values["MessageRetentionPeriod"] = String(seconds) }
        if let policy = self.redrivePolicy { values["RedrivePolicy"] = policy.text }
        return values
    }
}

/// A page of a ListQueues reply.
public struct QueueList: Sendable, Equatable {
    /// Queues of one page; the service's own maximum.
    public static let pageLimit = 1000

    /// The queues.
    public let queues: [QueueAddress]
    /// Asks for the next page; nil on the last.
    public let nextPageToken: String?

    /// Reads a reply.
    public init(reply: [UInt8]) throws(RequestFailure) {
        let members = try QueueReply.members(of: reply)
        self.queues = (members["QueueUrls"]?.elements ?? []).compactMap { $0.string.map { QueueAddress(url: $0) } }
        self.nextPageToken = members["NextToken"]?.string
    }
}

/// Replies of the control plane's calls.
public enum QueueReply {
    /// Largest reply read: a page of a thousand URLs of at most some hundred bytes.
    static let byteLimit = 1024 * 1024

    /// The URL that GetQueueUrl and CreateQueue answer with.
    public static func queueURL(_ reply: [UInt8]) throws(RequestFailure) -> String {
        guard let url = try self.members(of: reply)["QueueUrl"]?.string, !url.isEmpty else {
            throw .malformedReply("no QueueUrl")
        }
        return url
    }

    /// The id that SendMessage gave to the message.
    public static func messageID(_ reply: [UInt8]) throws(RequestFailure) -> String {
        guard let id = try self.members(of: reply)["MessageId"]?.string else { throw .malformedReply("no MessageId") }
        return id
    }

    static func members(of reply: [UInt8]) throws(RequestFailure) -> [String: JSONValue] {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: String(decoding: reply, as: UTF8.self), byteLimit: self.byteLimit)
        } catch {
            throw .malformedReply(error.description)
        }
        guard let members = value.members else { throw .malformedReply("not an object") }
        return members
    }
}
