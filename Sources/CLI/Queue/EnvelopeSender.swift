import LocalQueue

/// Hands envelopes to a queue system; one implementation per transport.
protocol EnvelopeSender {
    /// Most envelopes per call.
    var batchLimit: Int { get }
    /// Returns when the queue system has taken responsibility for all of them.
    func send(_ envelopes: [EnvelopeDraft.Ready]) async throws
    /// Gives up the connection.
    func close() async
}

/// The queues of this machine.
struct LocalSender: EnvelopeSender {
    let queue: LocalQueue
    /// A transaction of this many costs one wait for the disk.
    let batchLimit = 500

    func send(_ envelopes: [EnvelopeDraft.Ready]) async throws {
        let publications = envelopes.map { Publication(queueName: $0.queueName, envelopeID: $0.id, body: $0.body) }
        try StoreOptions.translated { () throws(LocalQueueError) in try self.queue.send(publications) }
    }

    func close() async {}
}
