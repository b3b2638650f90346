import Glibc
import LocalQueue
import Logging
import Testing

@testable import Sidecar

/// The transport between a real queue file and recorded events; the other side of the file is a connection of its own.
@Suite struct EmbeddedTransportTests {
    private final class Events: TransportEvents {
        var isStarted = false
        var isClosed = false
        var failure: String?
        var outcomes: [UInt64: PublicationOutcome] = [:]
        var messages: [ReceivedMessage] = []
        var forgotten: [Receipt] = []

        func transportStarted() { self.isStarted = true }
        func transportFailedToStart(reason: String) { self.failure = reason }
        func received(_ message: ReceivedMessage) { self.messages.append(message) }
        func publicationSettled(token: UInt64, outcome: PublicationOutcome) {
            #expect(self.outcomes[token] == nil, "answered twice")
            self.outcomes[token] = outcome
        }
        func deliveriesForgotten(upToGeneration generation: UInt32) {}
        func deliveryForgotten(_ receipt: Receipt) { self.forgotten.append(receipt) }
        func publishingAvailabilityChanged() {}
        func transportClosed() { self.isClosed = true }
    }

    private final class World {
        let driver: LoopDriver
        let events = Events()
        let pool = SlabPool()
        let transport: EmbeddedTransport
        let path: String
        /// The world outside.
        let queue: LocalQueue

        init(visibility: Duration = .seconds(30), queues: [String] = ["asya-own", "asya-next"]) throws {
            var template = Array("/tmp/asya-embedded-XXXXXX".utf8CString)
            _ = mkdtemp(&template)
            let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            self.path = directory + "/q.db"
            self.queue = try LocalQueue(path: self.path, options: .init(synchronous: .normal))
            for name in queues { try self.queue.createQueue(name) }
            let driver = try LoopDriver()
            self.driver = driver
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            self.transport = try EmbeddedTransport(
                loop: driver.loop,
                pool: self.pool,
                configuration: EmbeddedConfiguration(
                    path: self.path,
                    synchronous: .normal,
                    visibility: visibility,
                    maximumHold: .seconds(600),
                    claimByteCount: 1 << 20,
                    queueName: "asya-own",
                    queueBackoff: .milliseconds(50)
                ),
                metrics: SidecarMetrics(namespace: "t", queue: "own", transport: "embedded", logger: logger),
                logger: logger
            )
            self.transport.events = self.events
            driver.loop.turnEnded = { [unowned self] in self.transport.flush() }
            self.transport.start()
        }

        func start(window: Int = 4) throws {
            try self.driver.run("start") { self.events.isStarted }
            self.transport.startReceiving(window: window)
        }

        func send(_ count: Int = 1, body: String = "body") throws {
            let message = Publication(queueName: "asya-own", envelopeID: "e", body: Array(body.utf8))
            try self.queue.send(Array(repeating: message, count: count))
        }

        func receive(_ count: Int) throws {
            try self.driver.run("\(count) messages") { self.events.messages.count >= count }
        }

        func publish(_ token: UInt64, for receipt: Receipt, to name: String = "next", of count: Int = 1) {
            let list = PieceList(pool: self.pool)
            list.append("result")
            Array("e".utf8).withUnsafeBytes {
                self.transport.publish(
                    list,
                    to: Destination(actorName: name),
                    messageID: $0,
                    trace: nil,
                    token: token,
                    hop: Hop(receipt: receipt, publicationCount: count)
                )
            }
        }

        func close() throws {
            self.transport.close(limit: .seconds(10))
            try self.driver.run("close") { self.events.isClosed }
            _ = unlink(self.path)
        }

        func statistics(_ name: String) throws -> QueueStatistics { try self.queue.statistics(of: name) }
    }

    @Test("messages arrive within the window, and as soon as they are sent")
    func receives() throws {
        let world = try World()
        try world.send(6)
        try world.start()
        try world.receive(4)
        try world.driver.turn()
        #expect(world.events.messages.count == 4)
        #expect(world.events.messages.allSatisfy { Array($0.body.bytes) == Array("body".utf8) && !$0.isRedelivered })
        #expect(world.events.messages.allSatisfy { $0.previousDeliveries == 0 })
        for message in world.events.messages { world.transport.acknowledge(message.receipt) }
        try world.receive(6)
        for message in world.events.messages.suffix(2) { world.transport.acknowledge(message.receipt) }
        try world.driver.run("empty") { (try? world.statistics("asya-own").messageCount) == 0 }
        try world.send()
        try world.receive(7)
        try world.close()
    }

    @Test("a hop stores its results and takes its delivery with it; the acknowledgement changes nothing")
    func hop() throws {
        let world = try World()
        try world.send()
        try world.start()
        try world.receive(1)
        let receipt = world.events.messages[0].receipt
        world.publish(1, for: receipt, of: 2)
        world.publish(2, for: receipt, of: 2)
        try world.driver.run("answers") { world.events.outcomes.count == 2 }
        #expect(world.events.outcomes == [1: .accepted, 2: .accepted])
        world.transport.acknowledge(receipt)
        world.transport.release(receipt, after: .zero)
        try world.driver.turn()
        #expect(try world.statistics("asya-next").messageCount == 2)
        #expect(try world.statistics("asya-own").messageCount == 0)
        #expect(try world.queue.peek("asya-next").map(\.envelopeID) == ["e", "e"])
        try world.close()
    }

    @Test("a missing destination refuses its whole hop and no other; it can be tried again")
    func missingDestination() throws {
        let world = try World()
        try world.send(2)
        try world.start()
        try world.receive(2)
        let receipts = world.events.messages.map(\.receipt)
        world.publish(1, for: receipts[0], of: 2)
        world.publish(2, for: receipts[0], to: "missing", of: 2)
        world.publish(3, for: receipts[1])
        try world.driver.run("answers") { world.events.outcomes.count == 3 }
        #expect(world.events.outcomes[1] == .refused(.destinationMissing))
        #expect(world.events.outcomes[2] == .refused(.destinationMissing))
        #expect(world.events.outcomes[3] == .accepted)
        try world.queue.createQueue("asya-missing")
        world.publish(4, for: receipts[0], of: 2)
        world.publish(5, for: receipts[0], to: "missing", of: 2)
        try world.driver.run("answers") { world.events.outcomes.count == 5 }
        #expect(try world.statistics("asya-next").messageCount == 2)
        #expect(try world.statistics("asya-missing").messageCount == 1)
        try world.close()
    }

    @Test("released messages: with a delay hidden and counted, without one at once and not counted")
    func releases() throws {
        let world = try World()
        try world.send(2)
        try world.start(window: 2)
        try world.receive(2)
        world.transport.stopReceiving()
        world.transport.release(world.events.messages[0].receipt, after: .seconds(60))
        world.transport.release(world.events.messages[1].receipt, after: .zero)
        try world.driver.run("released") { (try? world.statistics("asya-own").inFlightCount) == 0 }
        #expect(try world.statistics("asya-own").delayedCount == 1)
        let again = try world.queue.claim(
            .init(queueName: "asya-own", messageCount: 2, visibility: .seconds(1))
        )
        #expect(again.map(\.attempt) == [1])
        try world.close()
    }

    @Test("a held message is renewed, so nobody else gets it; a purged one is forgotten")
    func renewal() throws {
        let world = try World(visibility: .seconds(2))
        try world.send()
        try world.start()
        try world.receive(1)
        try world.driver.turn(for: .milliseconds(3500))
        #expect(try world.statistics("asya-own").inFlightCount == 1)
        #expect(world.events.messages.count == 1)
        try world.queue.purge("asya-own")
        try world.driver.run("forgotten") { !world.events.forgotten.isEmpty }
        #expect(world.events.forgotten == [world.events.messages[0].receipt])
        world.publish(1, for: world.events.messages[0].receipt)
        try world.driver.run("answer") { world.events.outcomes[1] != nil }
        #expect(world.events.outcomes[1] == .refused(.deliveryLost))
        #expect(try world.statistics("asya-next").messageCount == 0)
        try world.close()
    }

    @Test("nothing is renewed for a dead runtime: the message is delivered again when its lease ends")
    func deadRuntime() throws {
        let world = try World(visibility: .milliseconds(200))
        try world.send()
        try world.start()
        try world.receive(1)
        world.transport.setRuntimeAlive(false)
        try world.receive(2)
        #expect(world.events.messages[1].isRedelivered && world.events.messages[1].previousDeliveries == 1)
        try world.close()
    }

    @Test("while paused nothing is reported or claimed")
    func paused() throws {
        let world = try World()
        try world.start()
        world.transport.setPaused(true)
        try world.send(3)
        try world.driver.turn(for: .milliseconds(60))
        #expect(world.events.messages.isEmpty)
        #expect(try world.statistics("asya-own").inFlightCount <= 3)
        world.transport.setPaused(false)
        try world.receive(3)
        try world.close()
    }

    @Test("a queue that does not exist yet is waited for")
    func missingQueue() throws {
        let world = try World(queues: ["asya-next"])
        try world.start()
        try world.driver.turn(for: .milliseconds(100))
        #expect(world.transport.isConnected)
        try world.queue.createQueue("asya-own")
        try world.send()
        try world.receive(1)
        try world.close()
    }

    @Test("bodies of all sizes arrive unchanged", arguments: [0, 1, 65_535, 65_536, 3_000_000])
    func sizes(byteCount: Int) throws {
        let world = try World()
        let before = world.pool.usedByteCount
        let body = String(repeating: "x", count: byteCount)
        try world.send(2, body: body)
        try world.start()
        try world.receive(2)
        for message in world.events.messages { #expect(message.body.bytes.elementsEqual(body.utf8)) }
        world.events.messages = []
        #expect(world.pool.usedByteCount == before, "nothing keeps a slab alive")
        try world.close()
    }

    @Test("closing performs what was said before, and gives back what had not been reported")
    func closing() throws {
        let world = try World()
        try world.send(4)
        try world.start()
        try world.receive(4)
        world.publish(1, for: world.events.messages[0].receipt)
        world.transport.acknowledge(world.events.messages[1].receipt)
        for message in world.events.messages.suffix(2) { world.transport.release(message.receipt, after: .zero) }
        try world.close()
        #expect(try world.statistics("asya-own").readyCount == 2)
        #expect(try world.statistics("asya-own").messageCount == 2)
        #expect(try world.statistics("asya-next").messageCount == 1)
    }

    @Test("a file that cannot be used is an error that names it", arguments: ["garbage", "directory"])
    func unusable(kind: String) throws {
        let world = try World()
        try world.driver.run("start") { world.events.isStarted }
        let path = world.path + "-2"
        if kind == "directory" {
            mkdir(path, 0o700)
        } else {
            let descriptor = open(path, O_CREAT | O_RDWR, 0o600)
            _ = write(descriptor, Array(repeating: 65, count: 5000) as [UInt8], 5000)
            Glibc.close(descriptor)
        }
        let events = Events()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let transport = try EmbeddedTransport(
            loop: world.driver.loop,
            pool: world.pool,
            configuration: EmbeddedConfiguration(
                path: path,
                synchronous: .full,
                visibility: .seconds(1),
                maximumHold: .seconds(1),
                claimByteCount: 1,
                queueName: "q",
                queueBackoff: .seconds(1)
            ),
            metrics: SidecarMetrics(namespace: "t", queue: "own", transport: "embedded", logger: logger),
            logger: logger
        )
        transport.events = events
        transport.start()
        try world.driver.run("failure") { events.failure != nil }
        #expect(events.failure?.contains(path) == true)
        transport.close(limit: .seconds(5))
        try world.driver.run("close") { events.isClosed }
        try world.close()
    }
}
