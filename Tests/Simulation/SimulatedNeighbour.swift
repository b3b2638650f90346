@testable import Sidecar

/// A simulated queue system as the pod and the world handle it.
protocol SimulatedNeighbour: Transport {
    var world: World { get }
    /// The delivery that a publication's token belongs to.
    var recordOfToken: (UInt64) -> DeliveryRecord? { get set }
    /// Tells that the bytes of a slab are those of a delivery.
    var delivered: (ByteSlab, DeliveryRecord) -> Void { get set }
    var order: HandOverOrder { get set }
    /// Whether the sidecar left something behind that no `flush` will send.
    var hasUnflushedWork: Bool { get }
    /// Of the deliveries that are made now.
    var generation: UInt32 { get }
    /// Whether a delivery says how often the message was delivered before.
    var countsDeliveries: Bool { get }
    var pool: SlabPool { get }
    var isReceiving: Bool { get set }
    var window: Int { get set }
    var isPaused: Bool { get set }
    /// Taken from the queue and not reported yet.
    var arrived: [(message: BrokerMessage, tag: UInt64)] { get set }
    /// Reported and not settled, by tag.
    var reported: [UInt64: DeliveryRecord] { get set }
    /// Publications the sidecar has had no answer to.
    var unansweredCount: Int { get }
    var isClosed: Bool { get }

    /// Delivers as much as the window allows.
    func deliver()
    func loseConsumer(for duration: Duration)
    func losePublisher(for duration: Duration)
    func congest(for duration: Duration)
    func announceBlocked(_ isBlocked: Bool)
    /// The process was killed: no event, no farewell.
    func die()
}

/// Results leave in the order in which messages were given to the runtime (`sidecar.md` 4.5).
struct HandOverOrder {
    private var last = -1

    mutating func objection(to record: DeliveryRecord) -> String? {
        guard !record.isPublished, let handOver = record.handOver else { return nil }
        record.isPublished = true
        defer { self.last = handOver }
        return handOver < self.last ? "hand-over \(handOver) published after \(self.last)" : nil
    }
}

extension SimulatedNeighbour {
    var reportedCount: Int { self.reported.count }
    var carriesTraces: Bool { false }

    func start() {}

    func startReceiving(window: Int) {
        self.window = window
        self.isReceiving = true
        self.deliver()
    }

    func setWindow(_ messageCount: Int) {
        self.window = messageCount
        self.deliver()
    }

    func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        if !isPaused { self.world.soon { [weak self] in self?.reportArrived() } }
    }

    /// Tells the pipeline what has come, as long as it takes it.
    func reportArrived() {
        while !self.isPaused, !self.isClosed, !self.arrived.isEmpty {
            let (message, tag) = self.arrived.removeFirst()
            let receipt = Receipt(generation: self.generation, tag: tag)
            let record = DeliveryRecord(message, receipt: receipt)
            let body = self.pool.slice(copying: message.body)
            self.reported[tag] = record
            self.delivered(body.slab, record)
            self.events?.received(
                ReceivedMessage(
                    body: body,
                    receipt: receipt,
                    previousDeliveries: self.countsDeliveries ? message.deliveryCount - 1 : nil,
                    isRedelivered: message.deliveryCount > 1
                )
            )
        }
    }

    /// Looks at a publication in every way that needs no knowledge of the queue system.
    func judge(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        token: UInt64,
        hop: Hop
    ) -> SimulatedPublication? {
        guard let record = self.recordOfToken(token) else {
            self.world.violated("a publication for nothing that is held")
            return nil
        }
        var bytes: [UInt8] = []
        for piece in body.pieces { bytes.append(contentsOf: piece.bytes) }
        if bytes.count != body.byteCount { self.world.violated("a piece list counts its bytes wrongly") }
        if hop.receipt != record.receipt { self.world.violated("a publication on behalf of another delivery") }
        let judge = PublicationJudge(world: self.world, record: record, queueName: destination.queueName)
        let role = judge.role(index: Int(token & 0xffff_ffff))
        if let objection = judge.objection(to: bytes, as: role, messageID: String(decoding: messageID, as: UTF8.self)) {
            self.world.violated("publication for message \(record.message.number): \(objection)")
        }
        if let objection = self.order.objection(to: record) { self.world.violated(objection) }
        return SimulatedPublication(
            number: 0,
            token: token,
            queueName: destination.queueName,
            record: record,
            role: role
        )
    }
}
