import AMQP
import Logging
import Testing

@testable import Sidecar

/// The transport between a stub broker and recorded events.
@Suite struct RabbitMQTransportTests {
    /// The pipeline's side: what was reported, and what to do then.
    private final class Events: TransportEvents {
        var isStarted = false
        var isClosed = false
        var failure: String?
        var outcomes: [UInt64: PublicationOutcome] = [:]
        var bodies: [[UInt8]] = []
        var receipts: [Receipt] = []
        var forgotten: [UInt32] = []
        var settled: (UInt64, PublicationOutcome) -> Void = { _, _ in }
        var delivered: () -> Void = {}

        func transportStarted() { self.isStarted = true }
        func transportFailedToStart(reason: String) { self.failure = reason }
        func received(_ message: ReceivedMessage) {
            self.bodies.append(Array(message.body.bytes))
            self.receipts.append(message.receipt)
            self.delivered()
        }
        func publicationSettled(token: UInt64, outcome: PublicationOutcome) {
            #expect(self.outcomes[token] == nil, "answered twice")
            self.outcomes[token] = outcome
            self.settled(token, outcome)
        }
        func deliveriesForgotten(upToGeneration generation: UInt32) { self.forgotten.append(generation) }
        func deliveryForgotten(_ receipt: Receipt) {}
        func publishingAvailabilityChanged() {}
        func transportClosed() { self.isClosed = true }
    }

    private final class World {
        let driver: LoopDriver
        let broker: StubBroker
        let events = Events()
        let pool = SlabPool()
        let transport: RabbitMQTransport
        let destination = Destination(actorName: "next")

        init() throws {
            let driver = try LoopDriver()
            let broker = try StubBroker()
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            self.driver = driver
            self.broker = broker
            self.transport = try RabbitMQTransport(
                loop: driver.loop,
                pool: self.pool,
                configuration: RabbitMQConfiguration(
                    url: AMQPURL(host: "127.0.0.1", port: broker.port, credentials: .guest),
                    exchange: "asya",
                    queueName: "asya-own",
                    connectionName: "test",
                    queueAttempts: 3,
                    queueBackoff: .milliseconds(10)
                ),
                metrics: SidecarMetrics(namespace: "n", queue: "own", transport: "rabbitmq", logger: logger),
                logger: logger
            )
            self.transport.events = self.events
            driver.loop.turnEnded = { [unowned self] in self.transport.flush() }
            driver.peerWork = { broker.work() }
        }

        func start() throws {
            self.transport.start()
            let events = self.events
            try self.driver.run("the transport starts") { events.isStarted }
        }

        func publish(_ token: UInt64, byteCount: Int = 100, to destination: Destination? = nil) {
            let list = PieceList(pool: self.pool)
            let slab = self.pool.slab(atLeast: max(1, byteCount))
            for index in 0..<byteCount {
                slab.base.storeBytes(of: UInt8(truncatingIfNeeded: index), toByteOffset: index, as: UInt8.self)
            }
            list.append(slab.slice(0..<byteCount))
            let hop = Hop(receipt: Receipt(generation: 1, tag: token), publicationCount: 1)
            Array("id-\(token)".utf8).withUnsafeBytes {
                self.transport.publish(
                    list,
                    to: destination ?? self.destination,
                    messageID: $0,
                    trace: nil,
                    token: token,
                    hop: hop
                )
            }
        }

        func waitForOutcomes(_ count: Int) throws {
            let events = self.events
            try self.driver.run("\(count) answers") { events.outcomes.count >= count }
        }
    }

    @Test("the pipeline may publish from inside an answer")
    func publishesInsideAnswer() throws {
        let world = try World()
        try world.start()
        world.events.settled = { [unowned world] token, _ in
            if token < 500 { world.publish(token + 1000) }
        }
        world.broker.published = { broker, publication in
            // Ranges, so that several answers come out of one frame.
            if publication.tag % 7 == 0 || publication.tag == 1000 { broker.confirm(publication, multiple: true) }
        }
        for token in 0..<500 as Range<UInt64> { world.publish(token) }
        try world.waitForOutcomes(1000)
        #expect(world.events.outcomes.values.allSatisfy { $0 == .accepted })
    }

    @Test("what the exchange cannot route goes through the default exchange, and the next message goes there at once")
    func returned() throws {
        let world = try World()
        try world.start()
        world.broker.published = { broker, publication in
            if publication.exchange == "asya" { broker.giveBack(publication) }
            broker.confirm(publication)
        }
        // The second is larger than one frame in neither direction, the third than every read.
        for (token, byteCount) in [(1, 10), (2, 20_000), (3, 100_000)] as [(UInt64, Int)] {
            world.publish(token, byteCount: byteCount)
        }
        try world.waitForOutcomes(3)
        #expect(world.events.outcomes.values.allSatisfy { $0 == .accepted })
        let direct = world.broker.publications.filter { $0.exchange.isEmpty }
        #expect(direct.map(\.routingKey) == ["asya-next", "asya-next", "asya-next"])
        #expect(direct.map(\.body.count) == [10, 20_000, 100_000])
        #expect(direct.map(\.body) == world.broker.publications.prefix(3).map(\.body))
        #expect(
            direct.map { $0.header.dropLast(8) } == world.broker.publications.prefix(3).map { $0.header.dropLast(8) }
        )
        world.publish(4)
        try world.waitForOutcomes(4)
        #expect(world.broker.publications.count == 7)
    }

    @Test("what comes back a second time has no destination, and the exchange is tried first again")
    func missing() throws {
        let world = try World()
        try world.start()
        world.broker.published = { broker, publication in
            broker.giveBack(publication)
            broker.confirm(publication)
        }
        world.publish(1)
        try world.waitForOutcomes(1)
        #expect(world.events.outcomes[1] == .refused(.destinationMissing))
        #expect(world.broker.publications.map(\.exchange) == ["asya", ""])
        world.broker.published = { $0.confirm($1) }
        world.publish(2)
        try world.waitForOutcomes(2)
        #expect(world.broker.publications.last?.exchange == "asya")
        world.publish(3, to: Destination(directQueueName: "dead"))
        try world.waitForOutcomes(3)
        #expect(world.broker.publications.last?.exchange.isEmpty == true)
        #expect(world.broker.publications.last?.routingKey == "dead")
    }

    @Test("the connection may be blocked between the frames of a returned message")
    func blockedInsideContent() throws {
        let world = try World()
        try world.start()
        world.broker.published = { broker, publication in
            if publication.exchange == "asya" { broker.giveBack(publication, between: StubBroker.blocked) }
            broker.confirm(publication)
        }
        world.publish(1)
        try world.waitForOutcomes(1)
        #expect(world.events.outcomes[1] == .accepted)
        #expect(!world.transport.canPublish)
        #expect(world.events.forgotten.isEmpty)
    }

    @Test("a broker's refusal is passed on")
    func refused() throws {
        let world = try World()
        try world.start()
        world.broker.published = { $0.refuse($1) }
        world.publish(1)
        try world.waitForOutcomes(1)
        #expect(world.events.outcomes[1] == .refused(.refusedByBroker))
    }

    @Test("of a channel that is closed for a size, only the message of that size is too large")
    func tooLarge() throws {
        let world = try World()
        try world.start()
        world.broker.published = { broker, publication in
            guard publication.body.count == 5000 else { return }
            let text = "PRECONDITION_FAILED - message size 5000 is larger than configured max size 4096"
            broker.closeChannel(406, text, on: publication.connection)
        }
        world.publish(1, byteCount: 100)
        world.publish(2, byteCount: 5000)
        try world.waitForOutcomes(2)
        #expect(world.events.outcomes[1] == .refused(.connectionLost))
        #expect(world.events.outcomes[2] == .refused(.tooLarge))
        try world.driver.run("publishing works again") { world.transport.canPublish }
        world.broker.published = { $0.confirm($1) }
        world.publish(3)
        try world.waitForOutcomes(3)
        #expect(world.events.outcomes[3] == .accepted)
    }

    @Test("a lost publishing connection refuses what had no answer and is made again")
    func lostPublisher() throws {
        let world = try World()
        try world.start()
        world.broker.published = { broker, publication in broker.closeSocket(publication.connection) }
        world.publish(1)
        try world.waitForOutcomes(1)
        #expect(world.events.outcomes[1] == .refused(.connectionLost))
        try world.driver.run("publishing works again") { world.transport.canPublish }
        #expect(world.events.forgotten.isEmpty)
    }

    @Test("a window that changes while the subscription is being made is applied behind it")
    func windowDuringSubscribe() throws {
        let world = try World()
        try world.start()
        world.broker.answered = { [unowned world] name in
            if name == "60.10" { world.transport.setWindow(16) }
        }
        world.transport.startReceiving(window: 1)
        try world.driver.run("the second subscription") {
            world.broker.methods.filter { $0.name == "60.20" }.count == 2
        }
        let windows = world.broker.methods.filter { $0.name == "60.10" }.map { Int($0.arguments[5]) }
        #expect(windows == [1, 16])
    }

    @Test("while paused nothing is reported, not even what has been read; afterwards nothing is missing")
    func pause() throws {
        let world = try World()
        try world.start()
        world.broker.subscribed = { broker, connection in
            for tag in 1...50 as ClosedRange<UInt64> {
                broker.deliver([UInt8](repeating: UInt8(tag), count: Int(tag) * 700), tag: tag, to: connection)
            }
        }
        // One read brings several deliveries; each of the first ten pauses at once.
        world.events.delivered = { [unowned world] in
            if world.events.bodies.count <= 10 { world.transport.setPaused(true) }
        }
        world.transport.startReceiving(window: 50)
        for count in 1...10 {
            try world.driver.run("delivery \(count)") { world.events.bodies.count == count }
            try world.driver.turn()
            #expect(world.events.bodies.count == count)
            world.transport.setPaused(false)
        }
        try world.driver.run("the rest") { world.events.bodies.count == 50 }
        #expect(world.events.bodies == (1...50).map { [UInt8](repeating: UInt8($0), count: $0 * 700) })
    }

    @Test("acknowledgements of one turn are one frame, and those of a lost connection are dropped")
    func settlement() throws {
        let world = try World()
        try world.start()
        world.broker.subscribed = { broker, connection in
            for tag in 1...4 as ClosedRange<UInt64> { broker.deliver([1], tag: tag, to: connection) }
        }
        world.transport.startReceiving(window: 4)
        try world.driver.run("four deliveries") { world.events.receipts.count == 4 }
        for receipt in world.events.receipts.prefix(3) { world.transport.acknowledge(receipt) }
        try world.driver.run("the frame") { world.broker.methods.last?.name == "60.80" }
        #expect(world.broker.methods.last?.arguments == [0, 0, 0, 0, 0, 0, 0, 3, 1])
        let consumer = try #require(world.broker.consumer)
        world.broker.subscribed = { _, _ in }
        world.broker.closeSocket(consumer)
        try world.driver.run("another subscription") { world.broker.consumer != consumer }
        #expect(world.events.forgotten.last == world.events.receipts[3].generation)
        let before = world.broker.methods.count
        world.transport.acknowledge(world.events.receipts[3])
        try world.driver.turn()
        #expect(world.broker.methods.count == before)
    }

    @Test("closing says goodbye on both connections")
    func closing() throws {
        let world = try World()
        try world.start()
        world.transport.close(limit: .seconds(10))
        try world.driver.run("both handshakes") { world.events.isClosed }
        #expect(world.broker.methods.filter { $0.name == "10.50" }.count == 2)
    }
}
