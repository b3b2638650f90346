import Envelope
import Traces

@testable import Sidecar

/// One envelope on its way to the broker.
struct SimulatedPublication {
    var number: Int
    var token: UInt64
    var queueName: String
    var record: DeliveryRecord
    /// What the publication is, so that its acceptance can be noted.
    var role: Role
    /// Whether the broker has it; the confirm may still get lost.
    var isStored = false

    enum Role: Equatable {
        case element(Int)
        case input, error, deadLetter
    }

    /// Writes the outcome into the delivery's record.
    func note(_ outcome: PublicationOutcome) {
        switch outcome {
        case .accepted:
            switch self.role {
            case .element(let index): self.record.acceptedElements.insert(index)
            case .input: self.record.acceptedInput = true
            case .error: self.record.acceptedError = true
            case .deadLetter: self.record.acceptedDeadLetter = true
            }
        case .refused(.tooLarge): self.record.sawTooLarge = true
        case .refused: break
        }
    }
}

extension SimulatedTransport {
    var canPublish: Bool { self.isPublisherUp && !self.isBlockAnnounced && !self.isCongested && !self.isClosed }

    func publish(
        _ body: PieceList,
        to destination: Destination,
        messageID: UnsafeRawBufferPointer,
        trace: TraceHeaders?,
        token: UInt64,
        hop: Hop
    ) {
        let judged = self.judge(body, to: destination, messageID: messageID, token: token, hop: hop)
        guard var publication = judged else { return }
        self.publicationCount += 1
        self.unansweredCount += 1
        publication.number = self.publicationCount
        self.stagedPublications.append(publication)
    }

    func sendPublications() {
        let publications = self.stagedPublications
        self.stagedPublications = []
        for publication in publications {
            guard self.isPublisherUp, !self.isClosed else {
                self.settle(publication, .refused(.connectionLost), after: self.world.dice.microseconds(0...500))
                continue
            }
            self.outstanding[publication.number] = publication
            let latency = self.isCongested ? 50...300 : 0...5
            self.publicationClear = max(
                self.publicationClear,
                self.world.now + self.world.dice.milliseconds(latency)
            )
            let epoch = self.publisherEpoch
            self.world.at(self.publicationClear) { [weak self] in
                self?.reachesBroker(publication.number, epoch: epoch)
            }
        }
    }

    private func reachesBroker(_ number: Int, epoch: Int) {
        guard self.publisherEpoch == epoch, var publication = self.outstanding[number] else { return }
        guard !self.world.broker.isBlocked else {
            // The broker does not read from this connection for the time being.
            self.world.after(.milliseconds(20)) { [weak self] in self?.reachesBroker(number, epoch: epoch) }
            return
        }
        let outcome = self.verdict(on: publication)
        if outcome == .accepted {
            self.world.broker.store(in: publication.queueName)
            publication.isStored = true
            self.outstanding[number] = publication
        }
        self.world.after(self.world.dice.microseconds(100...8000)) { [weak self] in
            guard let self, self.publisherEpoch == epoch, self.outstanding.removeValue(forKey: number) != nil
            else { return }
            self.report(publication, outcome)
        }
    }

    private func verdict(on publication: SimulatedPublication) -> PublicationOutcome {
        let faults = self.world.faults
        if self.world.broker.missingQueues.contains(publication.queueName) { return .refused(.destinationMissing) }
        if self.world.dice.happens(faults.tooLarge) { return .refused(.tooLarge) }
        if self.world.dice.happens(faults.nack) { return .refused(.refusedByBroker) }
        return .accepted
    }

    private func settle(_ publication: SimulatedPublication, _ outcome: PublicationOutcome, after delay: Duration) {
        self.world.after(delay) { [weak self] in self?.report(publication, outcome) }
    }

    private func report(_ publication: SimulatedPublication, _ outcome: PublicationOutcome) {
        publication.note(outcome)
        guard !self.isClosed else { return }
        self.unansweredCount -= 1
        self.events?.publicationSettled(token: publication.token, outcome: outcome)
    }

    // MARK: Life

    /// The publishing connection is lost; of what was under way the broker has seen some.
    func losePublisher(for duration: Duration) {
        guard self.isPublisherUp, !self.isClosed else { return }
        self.losePublisherSilently()
        self.events?.publishingAvailabilityChanged()
        self.world.after(duration) { [weak self] in
            guard let self, !self.isClosed else { return }
            self.isPublisherUp = true
            self.publicationClear = self.world.now
            self.events?.publishingAvailabilityChanged()
        }
    }

    func losePublisherSilently() {
        self.isPublisherUp = false
        self.publisherEpoch += 1
        let lost = self.outstanding.values.sorted { $0.number < $1.number }
        self.outstanding = [:]
        for publication in lost {
            if !publication.isStored, self.world.dice.happens(0.3), self.verdict(on: publication) == .accepted {
                self.world.broker.store(in: publication.queueName)
            }
            if !self.isClosed { self.settle(publication, .refused(.connectionLost), after: .zero) }
        }
    }

    func congest(for duration: Duration) {
        guard !self.isCongested, !self.isClosed else { return }
        self.isCongested = true
        self.events?.publishingAvailabilityChanged()
        self.world.after(duration) { [weak self] in
            guard let self else { return }
            self.isCongested = false
            if !self.isClosed { self.events?.publishingAvailabilityChanged() }
        }
    }

    /// The broker announces its memory alarm, or its end.
    func announceBlocked(_ isBlocked: Bool) {
        guard self.isBlockAnnounced != isBlocked, !self.isClosed else { return }
        self.isBlockAnnounced = isBlocked
        self.events?.publishingAvailabilityChanged()
    }
}
