import Glibc
import Testing

@testable import Sidecar

/// A client between a scripted runtime and a recorder in the pipeline's place.
final class RuntimeScene: RuntimeEvents {
    let driver: LoopDriver
    let peer: UnixPeer
    let pool = SlabPool()
    let client: RuntimeClient
    /// The whole ready file.
    let announcement: String
    private(set) var availableCount = 0
    private(set) var replies: [String] = []
    private(set) var losses: [RuntimeFailure?] = []
    private(set) var goneCount = 0

    /// - Parameter announcing: second line of the ready file; nil for a runtime that closes after each reply.
    init(announcing: String? = #"{"keepalive":true,"ahead":2}"#, readyTimeout: Duration = .seconds(60)) throws {
        self.driver = try LoopDriver()
        let peer = try UnixPeer()
        self.peer = peer
        self.client = try RuntimeClient(
            loop: self.driver.loop,
            pool: self.pool,
            directory: peer.directory,
            readyTimeout: readyTimeout
        )
        self.announcement = announcing.map { "ready\n" + $0 } ?? "ready"
        self.client.events = self
        self.driver.peerWork = { peer.work() }
    }

    /// The runtime has started.
    func appear() throws {
        try self.peer.listen()
        try self.peer.writeReadyFile(self.announcement)
    }

    /// Starts the client next to a running runtime.
    func begin() throws {
        try self.appear()
        self.client.start()
        try self.driver.run("the client connects") { self.client.depth > 0 }
    }

    func ask(_ text: String) {
        self.client.send(self.pool.slice(copying: Array(text.utf8)))
        self.client.flush()
    }

    func runtimeAvailable() { self.availableCount += 1 }
    func runtimeReplied(_ reply: ByteSlice) { self.replies.append(String(decoding: reply.bytes, as: UTF8.self)) }
    func runtimeLost(oldestFailure: RuntimeFailure?) { self.losses.append(oldestFailure) }
    func runtimeGone() { self.goneCount += 1 }
}

@Suite("RuntimeClient")
struct RuntimeClientTests {
    @Test("keeps one connection for all requests when the runtime announces it")
    func keepAlive() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        #expect(scene.client.depth == 3 && scene.client.isAvailable && scene.availableCount == 1)
        for number in 0..<20 {
            scene.ask("request \(number)")
            try scene.driver.run("it arrives") { scene.peer.frames(0).count == number + 1 }
            scene.peer.send(UnixPeer.frame("reply \(number)"), on: 0)
            try scene.driver.run("it is answered") { scene.replies.count == number + 1 }
        }
        #expect(scene.peer.connections.count == 1)
        #expect(scene.peer.frames(0) == (0..<20).map { "request \($0)" })
        #expect(scene.replies == (0..<20).map { "reply \($0)" })
    }

    @Test("sends requests ahead, and replies that arrive together are told apart")
    func ahead() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        for text in ["a", "", "c"] { scene.ask(text) }
        try scene.driver.run("all arrive") { scene.peer.frames(0).count == 3 }
        #expect(scene.peer.frames(0) == ["a", "", "c"])
        scene.peer.send(UnixPeer.frame("A") + UnixPeer.frame("") + UnixPeer.frame("C"), on: 0)
        try scene.driver.run("all are answered") { scene.replies.count == 3 }
        #expect(scene.replies == ["A", "", "C"])
    }

    @Test("puts a reply together from single bytes")
    func byteByByte() throws {
        let scene = try RuntimeScene()
        scene.peer.writeLimit = 1
        try scene.begin()
        scene.ask("x")
        try scene.driver.run("it arrives") { scene.peer.frames(0).count == 1 }
        scene.peer.send(UnixPeer.frame("a reply in pieces"), on: 0)
        try scene.driver.run("it is answered") { !scene.replies.isEmpty }
        #expect(scene.replies == ["a reply in pieces"])
    }

    @Test("carries large requests and replies through small buffers")
    func large() throws {
        let scene = try RuntimeScene()
        scene.peer.bufferByteCount = 8192
        try scene.begin()
        let request = String(repeating: "0123456789abcdef", count: 20_000)
        scene.ask(request)
        try scene.driver.run("it arrives") { scene.peer.received.first?.count == 4 + request.utf8.count }
        #expect(scene.peer.frames(0) == [request])
        let reply = String(repeating: "fedcba9876543210", count: 30_000)
        scene.peer.send(UnixPeer.frame(reply), on: 0)
        try scene.driver.run("it is answered") { !scene.replies.isEmpty }
        #expect(scene.replies == [reply])
    }

    @Test("opens the next connection ahead for a runtime that closes after each reply")
    func oneShot() throws {
        let scene = try RuntimeScene(announcing: nil)
        try scene.begin()
        for number in 0..<10 {
            #expect(scene.client.depth == 1)
            scene.ask("request \(number)")
            try scene.driver.run("the next connection is there") { scene.peer.connections.count == number + 2 }
            #expect(scene.peer.frames(number) == ["request \(number)"])
            scene.peer.send(UnixPeer.frame("reply \(number)"), on: number)
            try scene.driver.run("it is answered") { scene.replies.count == number + 1 && scene.client.depth == 1 }
            scene.peer.close(number)
            #expect(scene.client.isAvailable)
        }
        #expect(scene.losses.isEmpty && scene.replies.count == 10)
    }

    @Test("a connection made ahead that breaks is made again without anybody noticing")
    func nextBreaks() throws {
        let scene = try RuntimeScene(announcing: nil)
        try scene.begin()
        scene.ask("first")
        try scene.driver.run("the next connection is there") { scene.peer.connections.count == 2 }
        scene.peer.close(1)
        try scene.driver.turn()
        scene.peer.send(UnixPeer.frame("reply"), on: 0)
        try scene.driver.run("a third is made") { scene.peer.connections.count == 3 && scene.client.depth == 1 }
        scene.ask("second")
        try scene.driver.run("it arrives there") { scene.peer.frames(2) == ["second"] }
        #expect(scene.replies == ["reply"] && scene.losses.isEmpty)
    }

    @Test("waits for a runtime that is not there yet; stale files do not fool it")
    func notThereYet() throws {
        let scene = try RuntimeScene()
        scene.client.start()
        try scene.driver.turn()
        #expect(scene.client.depth == 0 && !scene.client.isAvailable)
        // A socket without a ready file: still loading. A ready file without a listener: left behind.
        try scene.peer.listen()
        try scene.driver.turn(for: .milliseconds(150))
        #expect(scene.peer.connections.isEmpty)
        scene.peer.stopListening(removingSocket: false)
        try scene.peer.writeReadyFile(scene.announcement)
        try scene.driver.turn(for: .milliseconds(150))
        #expect(!scene.client.isAvailable && scene.availableCount == 0)
        unlink(scene.peer.socketPath)
        try scene.peer.listen()
        try scene.driver.run("it connects") { scene.client.depth == 3 }
        #expect(scene.availableCount == 1 && scene.losses.isEmpty)
    }

    @Test("says once that the runtime is gone when it does not come in time")
    func gone() throws {
        let scene = try RuntimeScene(readyTimeout: .milliseconds(150))
        scene.client.start()
        try scene.driver.run("it gives up") { scene.goneCount > 0 }
        try scene.driver.turn(for: .milliseconds(250))
        #expect(scene.goneCount == 1)
    }

    @Test("a runtime that goes away while idle is waited for, and nothing is lost")
    func idleLoss() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        scene.peer.stopListening()
        scene.peer.removeReadyFile()
        scene.peer.close(0)
        try scene.driver.run("it is noticed") { !scene.client.isAvailable }
        #expect(scene.client.depth == 0 && scene.losses.isEmpty)
        try scene.appear()
        try scene.driver.run("it is found again") { scene.client.depth == 3 }
        #expect(scene.availableCount == 2 && scene.losses.isEmpty)
        scene.ask("again")
        try scene.driver.run("it arrives") { scene.peer.frames(1) == ["again"] }
    }

    @Test("capabilities are read again after a reconnect")
    func capabilitiesChange() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        try scene.peer.writeReadyFile("ready\n{\"keepalive\":true}")
        scene.peer.close(0)
        try scene.driver.run("it reconnects") { scene.peer.connections.count == 2 && scene.client.depth > 0 }
        #expect(scene.client.depth == 1)
    }

    @Test("closing ends every connection and every event")
    func closing() throws {
        let scene = try RuntimeScene(announcing: nil)
        try scene.begin()
        scene.ask("x")
        try scene.driver.run("the next connection is there") { scene.peer.connections.count == 2 }
        scene.client.close()
        #expect(scene.client.depth == 0)
        try scene.driver.run("both ends are seen") { scene.peer.endedByPeer == [0, 1] }
        try scene.driver.turn(for: .milliseconds(150))
        #expect(scene.losses.isEmpty && scene.goneCount == 0 && scene.peer.connections.count == 2)
    }
}

/// How a connection ends badly, and what its requests are told.
private struct BreakRow: CustomTestStringConvertible {
    var name: String
    /// Sent by the runtime before it closes.
    var bytes: [UInt8]
    var closes = true
    var reason: String

    var testDescription: String { self.name }

    static let all: [BreakRow] = [
        .init(name: "closed without a word", bytes: [], reason: "EOF"),
        .init(name: "closed within the header", bytes: [0, 0], reason: "unexpected EOF"),
        .init(name: "closed within the body", bytes: [0, 0, 0, 9, 91], reason: "unexpected EOF"),
        .init(name: "a length of 4 GiB", bytes: [0xff, 0xff, 0xff, 0xff], closes: false, reason: "frame too large"),
        .init(
            name: "text instead of a frame",
            bytes: Array("HTTP/1.1 400 Bad Request".utf8),
            closes: false,
            reason: "frame too large"
        ),
    ]
}

@Suite("RuntimeClient with a connection that breaks")
struct RuntimeClientBreakTests {
    @Test("only the oldest request has failed; the client goes on with a new connection", arguments: BreakRow.all)
    fileprivate func breaks(_ row: BreakRow) throws {
        let scene = try RuntimeScene()
        try scene.begin()
        let before = scene.pool.usedByteCount
        scene.ask("oldest")
        scene.ask("behind it")
        try scene.driver.run("they arrive") { scene.peer.frames(0).count == 2 }
        scene.peer.send(row.bytes, on: 0)
        scene.peer.work()
        if row.closes { scene.peer.close(0) }
        try scene.driver.run("it is noticed") { !scene.losses.isEmpty }
        #expect(scene.losses == [.readFailed(reason: row.reason)])
        #expect(scene.pool.usedByteCount <= before + 1024 * 1024)
        try scene.driver.run("it reconnects") { scene.client.depth == 3 }
        scene.ask("next")
        try scene.driver.run("it arrives") { scene.peer.frames(1) == ["next"] }
        scene.peer.send(UnixPeer.frame("reply"), on: 1)
        try scene.driver.run("it is answered") { scene.replies == ["reply"] }
        #expect(scene.losses.count == 1)
    }

    @Test("after the first of two replies only the second request has failed")
    func afterFirstReply() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        scene.ask("one")
        scene.ask("two")
        try scene.driver.run("they arrive") { scene.peer.frames(0).count == 2 }
        scene.peer.send(UnixPeer.frame("reply") + [0, 0, 0], on: 0)
        scene.peer.work()
        scene.peer.close(0)
        try scene.driver.run("it is noticed") { !scene.losses.isEmpty }
        #expect(scene.replies == ["reply"])
        #expect(scene.losses == [.readFailed(reason: "unexpected EOF")])
    }

    @Test("data that nobody asked for ends the connection, and nobody has failed")
    func unexpectedData() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        scene.peer.send(UnixPeer.frame("surprise"), on: 0)
        try scene.driver.run("it reconnects") { scene.peer.connections.count == 2 && scene.client.depth == 3 }
        #expect(scene.losses.isEmpty && scene.replies.isEmpty)
    }

    @Test("a request of which no byte was written has not been started")
    func nothingWritten() throws {
        let scene = try RuntimeScene()
        try scene.begin()
        // Handed over, but the turn has not ended: nothing left for the socket yet.
        scene.client.send(scene.pool.slice(copying: Array("early".utf8)))
        scene.peer.accept()
        scene.peer.stopListening()
        scene.peer.removeReadyFile()
        scene.peer.close(0)
        try scene.driver.run("it is noticed") { !scene.losses.isEmpty }
        #expect(scene.losses == [nil])
    }

    @Test("a runtime that accepts and closes in a hurry is asked about ten times a second, not in a loop")
    func hurry() throws {
        let scene = try RuntimeScene()
        let peer = scene.peer
        scene.driver.peerWork = {
            peer.work()
            for index in peer.connections.indices { peer.close(index) }
        }
        try scene.appear()
        scene.client.start()
        let start = scene.driver.loop.now
        try scene.driver.run("it is asked again and again") { peer.connections.count >= 6 }
        #expect(scene.driver.loop.now - start >= .milliseconds(300), "\(peer.connections.count) connections")
    }
}
