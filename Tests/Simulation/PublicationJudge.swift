import Envelope

@testable import Sidecar

/// Looks at one publication with other eyes than the code that made it: parses the bytes and compares them with what
/// the runtime said.
struct PublicationJudge {
    let world: World
    let record: DeliveryRecord
    let queueName: String

    func role(index: Int) -> SimulatedPublication.Role {
        if self.queueName == Scenario.deadLetterQueue { return .deadLetter }
        if self.queueName == "asya-" + Scenario.errorEnd { return .error }
        if case .empty = self.record.answer { return .input }
        return .element(index)
    }

    /// What is wrong with the publication; nil when it is right.
    func objection(to bytes: [UInt8], as role: SimulatedPublication.Role, messageID: String) -> String? {
        if role == .deadLetter {
            guard self.world.scenario.hasDeadLetterQueue else { return "there is no dead-letter queue" }
            return bytes == self.record.message.body ? nil : "a dead letter is not the original body"
        }
        if self.world.isEndActor { return "an end actor publishes" }
        if role == .input {
            return bytes == self.record.message.body ? nil : "an empty result is not the original body"
        }
        let view: EnvelopeView
        do {
            view = try bytes.withUnsafeBytes { try EnvelopeView.scan($0) }
        } catch {
            return "not an envelope: \(error)"
        }
        return bytes.withUnsafeBytes { bytes in
            let id = view.idToken?.string(in: bytes) ?? ""
            if id != messageID, !messageID.isEmpty { return "message id \(messageID) for \(id)" }
            return role == .error
                ? self.errorObjection(view, id: id, in: bytes)
                : self.elementObjection(view, id: id, as: role, in: bytes)
        }
    }

    private func errorObjection(_ view: EnvelopeView, id: String, in bytes: UnsafeRawBufferPointer) -> String? {
        let kind = self.record.message.kind
        if case .elements = self.record.answer, !self.record.sawTooLarge, !kind.isRejected {
            return "an error envelope although the runtime succeeded"
        }
        let hasID = kind == .envelope || kind == .misrouted
        return id == (hasID ? self.record.message.id : "") ? nil : "an error envelope with id '\(id)'"
    }

    private func elementObjection(
        _ view: EnvelopeView,
        id: String,
        as role: SimulatedPublication.Role,
        in bytes: UnsafeRawBufferPointer
    ) -> String? {
        guard case .elements(let elements) = self.record.answer, case .element(let index) = role else {
            return "an envelope the runtime did not ask for"
        }
        guard elements.indices.contains(index) else { return "element \(index) of \(elements.count)" }
        let expectedID = index == 0 ? self.record.message.id : "\(self.record.message.id)-\(index)"
        guard id == expectedID else { return "id \(id) instead of \(expectedID)" }
        guard self.queueName == elements[index].queueName else { return "element \(index) goes to \(self.queueName)" }
        guard let payload = view.payloadRange, elements[index].payload.elementsEqual(bytes[payload]) else {
            return "the payload of element \(index) was changed"
        }
        if index > 0, self.world.scenario.hasGateway, self.record.registeredChildCount != elements.count - 1 {
            return "child \(index) was published before it was registered"
        }
        return nil
    }
}
