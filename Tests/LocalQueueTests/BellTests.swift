import Glibc
import Testing

@testable import LocalQueue

@Suite("Wake-ups")
struct BellTests {
    let store: TestStore
    let queue: LocalQueue

    init() throws {
        (self.store, self.queue) = try TestStore.with(["asya-a"])
    }

    private func isRinging(_ descriptor: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    @Test("sending rings, draining silences")
    func rings() throws {
        let bell = QueueBell(path: self.store.path)
        let descriptor = try #require(bell.listen("asya-a"))
        #expect(!self.isRinging(descriptor))
        for _ in 0..<3 { try self.queue.send("m", to: "asya-a") }
        #expect(self.isRinging(descriptor))
        bell.drain("asya-a")
        #expect(!self.isRinging(descriptor))
    }

    @Test("one listener's drain leaves nothing for the other, its ring wakes both")
    func shared() throws {
        let bells = [QueueBell(path: self.store.path), QueueBell(path: self.store.path)]
        let descriptors = try bells.map { try #require($0.listen("asya-a")) }
        try self.queue.send("m", to: "asya-a")
        #expect(descriptors.map(self.isRinging) == [true, true])
        bells[0].drain("asya-a")
        #expect(descriptors.map(self.isRinging) == [false, false])
        bells[0].ring("asya-a")
        #expect(descriptors.map(self.isRinging) == [true, true])
    }

    @Test("released and dead messages ring where they can be taken")
    func otherReasons() throws {
        try self.queue.createQueue("asya-a", limits: QueueLimits(maxRetryCount: 2, deadLetterQueue: "dlq"))
        let bell = QueueBell(path: self.store.path)
        let own = try #require(bell.listen("asya-a"))
        let dead = try #require(bell.listen("dlq"))
        var message = try self.queue.hold("m", in: "asya-a")
        bell.drain("asya-a")
        _ = try self.queue.commit { $0.releases = [.init(lease: message.lease)] }
        #expect(self.isRinging(own) && !self.isRinging(dead))
        bell.drain("asya-a")
        message = try #require(try self.queue.claim("asya-a").first)
        _ = try self.queue.commit { $0.releases = [.init(lease: message.lease)] }
        #expect(!self.isRinging(own) && self.isRinging(dead))
    }

    @Test("nobody listening, too many rings, a deleted queue, a file in the way: no error, no block")
    func harmless() throws {
        let bell = QueueBell(path: self.store.path)
        bell.ring("asya-a")
        let descriptor = try #require(bell.listen("asya-a"))
        for _ in 0..<3000 { bell.ring("asya-a", count: 1000) }
        bell.drain("asya-a")
        #expect(!self.isRinging(descriptor))
        try self.queue.deleteQueue("asya-a")
        bell.ring("asya-a")
        #expect(bell.listen("../escape") == nil)
        let inTheWay = open("\(self.store.path).wake/asya-b", O_CREAT | O_RDWR, 0o600)
        close(inTheWay)
        #expect(bell.listen("asya-b") == nil)
    }
}
