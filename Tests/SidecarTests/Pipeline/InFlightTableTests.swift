import SeededRandom
import Testing
import Traces

@testable import Sidecar

@Suite("InFlightTable")
struct InFlightTableTests {
    private let pool = SlabPool()

    private func message(_ tag: UInt64, byteCount: Int = 10) -> ReceivedMessage {
        ReceivedMessage(
            body: self.pool.slab().slice(0..<byteCount),
            receipt: Receipt(generation: 1, tag: tag),
            previousDeliveries: Int(tag),
            isRedelivered: false
        )
    }

    @Test("reuses a slot and finds it by its index")
    func reusesSlots() {
        var table = InFlightTable(pool: self.pool)
        let first = table.insert(self.message(1))
        let second = table.insert(self.message(2))
        #expect(table.count == 2)
        #expect(table[first.index] === first && table[second.index] === second)
        table.remove(first)
        #expect(table.count == 1)
        #expect(table.held.map(\.receipt.tag) == [2])
        let third = table.insert(self.message(3))
        #expect(third === first)
        #expect(third.receipt.tag == 3 && third.previousDeliveries == 3)
        #expect(Set(table.held.map(\.receipt.tag)) == [2, 3])
    }

    @Test("a slot remembers nothing of the message before")
    func cleanSlots() {
        var table = InFlightTable(pool: self.pool)
        let slot = table.insert(self.message(1))
        slot.state.publishes(1)
        slot.reply = self.pool.slab().slice(0..<5)
        slot.plan = .deadLetter
        slot.isForgotten = true
        slot.isActive = true
        slot.isReadyToPublish = true
        slot.obstacle = .tooLarge
        slot.carriedTrace = TraceHeaders(
            traceparent: Array("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".utf8)
        )
        slot.isLastBeforeCrash = true
        slot.processedAs = .success
        slot.attempts[1] = PublicationRetry()
        slot.retries = [.init(element: 1, due: .distantFuture, waitsForConnection: true)]
        slot.due = MonotonicTime(nanoseconds: 1)
        #expect(slot.carriedTrace != nil)
        table.remove(slot)
        let again = table.insert(self.message(2))
        #expect(again === slot)
        #expect(again.state == MessageState())
        #expect(again.reply == nil && again.view == nil && again.processedAs == nil)
        #expect(again.carriedTrace == nil)
        #expect(!again.isForgotten && !again.isActive && !again.isReadyToPublish)
        #expect(again.obstacle == nil && !again.isLastBeforeCrash)
        #expect(again.attempts.isEmpty && again.retries.isEmpty && again.due == .distantFuture)
        if case .none = again.plan {} else { Issue.record("a plan survived") }
    }

    @Test("a removed message keeps no memory alive")
    func releasesMemory() {
        var table = InFlightTable(pool: self.pool)
        let before = self.pool.usedByteCount
        let slot = table.insert(self.message(1, byteCount: 100))
        slot.reply = self.pool.slab(atLeast: 1_000_000).slice(0..<5)
        #expect(slot.heldByteCount == 105)
        #expect(self.pool.usedByteCount > before)
        table.remove(slot)
        #expect(self.pool.usedByteCount == before)
        #expect(slot.heldByteCount == 0)
    }
}

@Suite("MessageQueue")
struct MessageQueueTests {
    private let pool = SlabPool()

    private func messages(_ count: Int) -> [InFlightMessage] {
        let empty = self.pool.slab().slice(0..<0)
        return (0..<count).map { InFlightMessage(index: $0, empty: empty) }
    }

    @Test("gives messages back in their order")
    func order() {
        var queue = MessageQueue()
        #expect(queue.isEmpty && queue.first == nil && queue.popFirst() == nil)
        for message in self.messages(200) { queue.append(message) }
        #expect(queue.count == 200)
        for index in 0..<200 {
            #expect(queue.first?.index == index)
            #expect(queue.popFirst()?.index == index)
        }
        #expect(queue.isEmpty)
    }

    @Test("behaves as an array does", arguments: UInt64(1)..<9)
    func model(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = MessageQueue()
        var model: [Int] = []
        let all = self.messages(1000)
        for (step, message) in all.enumerated() {
            switch random.next() % 12 {
            case 0...5:
                queue.append(message)
                model.append(message.index)
            case 6...9:
                #expect(queue.popFirst()?.index == (model.isEmpty ? nil : model.removeFirst()))
            case 10:
                let front = [message, all[(step + 500) % 1000]]
                queue.prepend(front)
                model = front.map(\.index) + model
            default:
                let removed = queue.removeAll { $0.index % 5 == 0 }
                #expect(removed.map(\.index) == model.filter { $0 % 5 == 0 })
                model.removeAll { $0 % 5 == 0 }
            }
            #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
            #expect(queue.first?.index == model.first)
        }
        #expect(queue.removeAll().map(\.index) == model)
        #expect(queue.isEmpty)
    }
}
