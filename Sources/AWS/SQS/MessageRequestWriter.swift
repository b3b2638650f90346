public import Traces

/// Writes the requests of the message path into a `RequestBuffer`: bodies are escaped straight from the caller's slices,
/// receipt handles are spliced as the service wrote them, and nothing else is allocated.
///
/// The calls of one request come in the order `begin…`, entries, `end…`; a message whose characters are refused
/// is taken out again, the rest of the batch stays.
public struct MessageRequestWriter {
    /// Where the request is written; its bytes are the request once it is ended.
    public let buffer: RequestBuffer
    private var entryCount = 0
    /// Where the message under way begins.
    private var messageStart = 0

    /// A writer that overwrites `buffer`.
    public init(buffer: RequestBuffer) {
        self.buffer = buffer
    }

    // MARK: Batches

    /// Begins SendMessageBatch, DeleteMessageBatch or ChangeMessageVisibilityBatch.
    public mutating func beginBatch(queue: QueueAddress) {
        self.buffer.removeAll()
        self.entryCount = 0
        self.buffer.append("{\"QueueUrl\":")
        self.buffer.append(queue.json)
        self.buffer.append(",\"Entries\":[")
    }

    /// Ends a batch.
    public mutating func endBatch() {
        precondition(self.entryCount > 0, "SQS refuses an empty batch")
        self.buffer.append("]}")
    }

    /// Adds a deletion. `id` comes back in the reply; `receiptHandle` is the JSON string of the reply, with its quotes.
    public mutating func deletion(id: Int, receiptHandle: UnsafeRawBufferPointer) {
        self.beginEntry(id: id)
        self.buffer.append(",\"ReceiptHandle\":")
        self.buffer.append(receiptHandle)
        self.buffer.append("}")
    }

    /// Adds a change of visibility, to be hidden `seconds` from now on.
    public mutating func visibilityChange(id: Int, receiptHandle: UnsafeRawBufferPointer, seconds: Int) {
        self.beginEntry(id: id)
        self.buffer.append(",\"ReceiptHandle\":")
        self.buffer.append(receiptHandle)
        self.buffer.append(",\"VisibilityTimeout\":")
        self.buffer.append(decimal: min(max(seconds, 0), ReceiveOptions.visibilityBounds.upperBound))
        self.buffer.append("}")
    }

    /// Begins a message of a batch; its body comes in pieces.
    public mutating func beginMessage(id: Int) {
        self.messageStart = self.buffer.count
        self.beginEntry(id: id)
        self.buffer.append(",\"MessageBody\":\"")
    }

    /// Ends a message of a batch, with its trace beside the body.
    public mutating func endMessage(trace: TraceHeaders? = nil, fifo: FIFOPlacement? = nil)
        throws(MessageCharacterError)
    {
        do {
            try self.writeRest(trace: trace, fifo: fifo)
        } catch {
            self.takeMessageBack()
            throw error
        }
        self.buffer.append("}")
    }

    // MARK: One message

    /// Begins SendMessage, for a message too large for a batch.
    public mutating func beginSingle(queue: QueueAddress) {
        self.buffer.removeAll()
        self.entryCount = 1
        self.messageStart = 0
        self.buffer.append("{\"QueueUrl\":")
        self.buffer.append(queue.json)
        self.buffer.append(",\"MessageBody\":\"")
    }

    /// Ends SendMessage.
    public mutating func endSingle(trace: TraceHeaders? = nil, fifo: FIFOPlacement? = nil)
        throws(MessageCharacterError)
    {
        try self.endMessage(trace: trace, fifo: fifo)
    }

    // MARK: Bodies

    /// Appends a piece of the body of the message under way. The pieces are UTF-8 and begin and end at characters.
    /// When it throws, the whole message has been taken out of the request.
    public mutating func body(_ piece: UnsafeRawBufferPointer) throws(MessageCharacterError) {
        do {
            try MessageText.appendEscaped(piece, to: self.buffer)
        } catch {
            self.takeMessageBack()
            throw error
        }
    }

    // MARK: Internals

    private mutating func beginEntry(id: Int) {
        precondition(self.entryCount < SQSLimits.batchEntryLimit, "a batch has at most ten entries")
        self.buffer.append(self.entryCount == 0 ? "{\"Id\":\"" : ",{\"Id\":\"")
        self.buffer.append(decimal: id)
        self.buffer.append("\"")
        self.entryCount += 1
    }

    private mutating func takeMessageBack() {
        self.buffer.truncate(to: self.messageStart)
        self.entryCount -= 1
    }

    private func writeRest(trace: TraceHeaders?, fifo: FIFOPlacement?) throws(MessageCharacterError) {
        self.buffer.append("\"")
        if let fifo {
            self.buffer.append(",\"MessageGroupId\":\"")
            try self.escaped(Array(fifo.groupID.utf8))
            self.buffer.append("\",\"MessageDeduplicationId\":\"")
            try self.escaped(Array(fifo.deduplicationID.utf8))
            self.buffer.append("\"")
        }
        guard let trace else { return }
        for (index, attribute) in trace.attributes.enumerated() {
            self.buffer.append(index == 0 ? ",\"MessageAttributes\":{\"" : ",\"")
            self.buffer.append(attribute.name)
            self.buffer.append("\":{\"DataType\":\"String\",\"StringValue\":\"")
            try self.escaped(attribute.value)
            self.buffer.append("\"}")
        }
        self.buffer.append("}")
    }

    private func escaped(_ bytes: [UInt8]) throws(MessageCharacterError) {
        var failure: MessageCharacterError?
        bytes.withUnsafeBytes { piece in
            do throws(MessageCharacterError) {
                try MessageText.appendEscaped(piece, to: self.buffer)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
