@testable import Sidecar

/// What kind of message was put into the queue.
enum InputKind: Equatable {
    case envelope, malformed, misrouted, withoutID, emptyID, idOfWrongType

    /// Whether an ordinary actor answers without calling the runtime.
    var isRejected: Bool { self != .envelope }
    /// Whether an end actor cannot read it.
    var isUnreadable: Bool { self == .malformed || self == .idOfWrongType }
}

/// One message in the simulated broker.
struct BrokerMessage {
    let number: Int
    let kind: InputKind
    let id: String
    let body: [UInt8]
    var deliveryCount = 0
}

/// An element of a reply, as it has to arrive in a queue.
struct ExpectedElement {
    var queueName: String
    var payload: [UInt8]
}

/// What the runtime did with one delivery.
enum RuntimeAnswer {
    case notYet
    case elements([ExpectedElement])
    /// `[]` or `null`.
    case empty
    /// An error element, garbage, a missing route, a broken connection, a hanging handler.
    case failure
}

/// Everything that happened to one delivery: what an acknowledgement is judged by.
final class DeliveryRecord {
    let message: BrokerMessage
    let receipt: Receipt
    var answer = RuntimeAnswer.notYet
    /// Position in the order in which requests were handed to the runtime; the last one counts.
    var handOver: Int?
    var isPublished = false
    var sawTooLarge = false
    var acceptedElements: Set<Int> = []
    var acceptedInput = false
    var acceptedError = false
    var acceptedDeadLetter = false
    var finalOutcome: FinalReportOutcome?
    var registeredChildCount: Int?

    init(_ message: BrokerMessage, receipt: Receipt) {
        self.message = message
        self.receipt = receipt
    }

    /// Why this delivery must not be acknowledged yet; nil when it may (`envelope.md` section 12).
    func objection(scenario: Scenario, isEndActor: Bool) -> String? {
        if self.acceptedDeadLetter { return nil }
        if isEndActor { return self.endActorObjection(scenario: scenario) }
        if self.acceptedError {
            if self.message.kind.isRejected || self.sawTooLarge { return nil }
            if case .failure = self.answer { return nil }
            return "an error envelope stands for a good answer"
        }
        switch self.answer {
        case .notYet: return "the runtime has not answered"
        case .failure: return "the error envelope was not accepted"
        case .empty: return self.acceptedInput ? nil : "the input was not accepted at happy-end"
        case .elements(let elements):
            return self.acceptedElements.count == elements.count
                ? nil : "\(self.acceptedElements.count) of \(elements.count) envelopes were accepted"
        }
    }

    private func endActorObjection(scenario: Scenario) -> String? {
        switch self.answer {
        case .notYet, .failure: return "the end actor's runtime has not succeeded"
        case .empty, .elements: break
        }
        let reports =
            scenario.hasGateway && [Scenario.happyEnd, Scenario.errorEnd].contains(scenario.actorName)
            && self.message.kind != .withoutID && self.message.kind != .emptyID
        guard reports else { return nil }
        switch self.finalOutcome {
        case .accepted, .rejected: return nil
        case .unreachable, nil: return "the final status was not delivered"
        }
    }
}
