import Support
public import Traces

/// A request of the control plane: which call, and its JSON body. The message path uses `MessageRequestWriter`.
public struct QueueRequest: Sendable, Equatable {
    /// The call.
    public let action: SQSAction
    /// JSON.
    public let body: [UInt8]

    private init(_ action: SQSAction, _ members: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        json.beginObject()
        members(&json)
        json.endObject()
        self.action = action
        self.body = json.bytes
    }

    private init(_ action: SQSAction, queue: QueueAddress, _ members: (inout JSONWriter) -> Void = { _ in }) {
        self.init(action) { json in
            json.name("QueueUrl")
            json.raw(queue.json)
            members(&json)
        }
    }

    /// Looks the URL of a queue up.
    public static func queueURL(name: String) -> QueueRequest {
        QueueRequest(.getQueueURL) { json in
            json.name("QueueName")
            json.string(name)
        }
    }

    /// Creates a queue; answers with the URL of the one that exists when it has the same attributes.
    public static func create(
        name: String,
        attributes: QueueAttributes,
        tags: [String: String] = [:]
    ) -> QueueRequest {
        QueueRequest(.createQueue) { json in
            json.name("QueueName")
            json.string(name)
            var values = attributes.values
            if QueueAddress.isFIFO(queueName: name) { values["FifoQueue"] = "true" }
            if !values.isEmpty {
                json.name("Attributes")
                json.strings(values)
            }
            // Lower case in CreateQueue alone; it is not a slip.
            if !tags.isEmpty {
                json.name("tags")
                json.strings(tags)
            }
        }
    }

    /// Deletes a queue and its messages.
    public static func delete(_ queue: QueueAddress) -> QueueRequest { QueueRequest(.deleteQueue, queue: queue) }

    /// Deletes the messages of a queue.
    public static func purge(_ queue: QueueAddress) -> QueueRequest { QueueRequest(.purgeQueue, queue: queue) }

    /// Reads all attributes and counts of a queue.
    public static func attributes(of queue: QueueAddress) -> QueueRequest {
        QueueRequest(.getQueueAttributes, queue: queue) { json in
            json.name("AttributeNames")
            json.beginArray()
            json.string("All")
            json.endArray()
        }
    }

    /// Changes attributes of a queue; those not named stay.
    public static func set(_ attributes: QueueAttributes, of queue: QueueAddress) -> QueueRequest {
        QueueRequest(.setQueueAttributes, queue: queue) { json in
            json.name("Attributes")
            json.strings(attributes.values)
        }
    }

    /// Adds tags to a queue; those not named stay.
    public static func tag(_ queue: QueueAddress, tags: [String: String]) -> QueueRequest {
        QueueRequest(.tagQueue, queue: queue) { json in
            json.name("Tags")
            json.strings(tags)
        }
    }

    /// Lists the URLs of queues whose names begin with `prefix`, a page at a time.
    public static func list(
        prefix: String,
        pageToken: String? = nil,
        limit: Int = QueueList.pageLimit
    ) -> QueueRequest {
        QueueRequest(.listQueues) { json in
            json.name("QueueNamePrefix")
            json.string(prefix)
            json.name("MaxResults")
            json.integer(limit)
            if let pageToken {
                json.name("NextToken")
                json.string(pageToken)
            }
        }
    }

    /// Receives messages; the reply is read by `ReceiveReply`.
    public static func receive(_ options: ReceiveOptions, from queue: QueueAddress) -> QueueRequest {
        QueueRequest(action: .receiveMessage, body: options.requestBody(queue: queue))
    }

    /// Sends one message; its trace goes beside the body.
    public static func send(
        _ messageBody: UnsafeRawBufferPointer,
        trace: TraceHeaders? = nil,
        fifo: FIFOPlacement? = nil,
        to queue: QueueAddress
    ) throws(MessageCharacterError) -> QueueRequest {
        let buffer = RequestBuffer(capacity: messageBody.count + messageBody.count / 4 + 512)
        var writer = MessageRequestWriter(buffer: buffer)
        writer.beginSingle(queue: queue)
        try writer.body(messageBody)
        try writer.endSingle(trace: trace, fifo: fifo)
        return QueueRequest(action: .sendMessage, body: Array(buffer.bytes))
    }

    private init(action: SQSAction, body: [UInt8]) {
        self.action = action
        self.body = body
    }
}

extension JSONWriter {
    /// Writes an object of strings, sorted by name so that equal requests are equal bytes.
    fileprivate mutating func strings(_ values: [String: String]) {
        self.beginObject()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            self.name(name)
            self.string(value)
        }
        self.endObject()
    }
}
