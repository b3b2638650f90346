import AMQP
import Testing

@testable import QueueClient

@Suite("Publication ledger")
struct PublicationLedgerTests {
    private func names(_ outcomes: [PublicationLedger<Int>.Outcome]) -> [String] {
        outcomes.map { outcome in
            switch outcome {
            case .accepted(let token): "accepted \(token)"
            case .retryDirectly(let token): "retry \(token)"
            case .missing(let token): "missing \(token)"
            case .refused(let token): "refused \(token)"
            }
        }
    }

    private func confirm(_ tag: UInt64, multiple: Bool = false, accepted: Bool = true) -> ConfirmMethod {
        ConfirmMethod(deliveryTag: tag, isMultiple: multiple, isAccepted: accepted)
    }

    @Test("One confirm settles all before it")
    func multiple() throws {
        var ledger = PublicationLedger<Int>()
        for token in 1...3 { ledger.published(token, messageID: "m\(token)", deadline: 10, isDirect: false) }
        #expect(try self.names(ledger.confirmed(self.confirm(2, multiple: true))) == ["accepted 1", "accepted 2"])
        #expect(ledger.outstandingCount == 1)
        #expect(try self.names(ledger.confirmed(self.confirm(3, accepted: false))) == ["refused 3"])
        #expect(ledger.isEmpty)
    }

    @Test("A returned publication goes directly to its queue, and then is missing")
    func returned() throws {
        var ledger = PublicationLedger<Int>()
        ledger.published(1, messageID: "m", deadline: 10, isDirect: false)
        ledger.published(2, messageID: "m", deadline: 10, isDirect: true)
        ledger.returned(messageID: "m", isDirect: true)
        ledger.returned(messageID: "m", isDirect: false)
        ledger.returned(messageID: "unknown", isDirect: false)
        #expect(try self.names(ledger.confirmed(self.confirm(2, multiple: true))) == ["retry 1", "missing 2"])
    }

    @Test("What took too long has no owner any more")
    func expiry() throws {
        var ledger = PublicationLedger<Int>()
        ledger.published(1, messageID: "a", deadline: 10, isDirect: false)
        ledger.published(2, messageID: "b", deadline: 20, isDirect: false)
        #expect(ledger.expire(now: 9).isEmpty)
        #expect(ledger.expire(now: 10) == [1])
        #expect(ledger.expire(now: 10).isEmpty)
        #expect(try self.names(ledger.confirmed(self.confirm(1))).isEmpty)
        #expect(ledger.removeAll() == [2])
    }

    @Test("A confirm for what was never published is an error")
    func unknownTag() {
        var ledger = PublicationLedger<Int>()
        #expect(throws: AMQPError.self) { try ledger.confirmed(self.confirm(1)) }
    }
}
