@testable import Sidecar

/// The gateway's reporter: mostly prompt, sometimes slow, sometimes without any answer within its limits.
final class SimulatedGateway: GatewayReporting {
    unowned let world: World
    /// The delivery whose final status is being reported.
    var currentRecord: () -> DeliveryRecord? = { nil }
    /// The delivery a child's registration belongs to.
    var recordOfID: (String) -> DeliveryRecord? = { _ in nil }

    private var finals: [Int: (FinalReportOutcome) -> Void] = [:]
    private var finalCount = 0
    private var isHurrying = false
    /// The process was killed: nobody is there to hear an answer.
    private var isDead = false

    init(world: World) {
        self.world = world
    }

    /// Up to `limit` when the gateway is slow today.
    private func delay(limit: Duration) -> Duration {
        let dice = self.world.dice
        guard dice.happens(self.world.faults.slowGateway) else { return dice.microseconds(100...3000) }
        return min(limit, dice.milliseconds(50...40_000))
    }

    func reportProgress(_ stage: ProgressStage, id: String, actorsJSON: UnsafeRawBufferPointer, currentIndex: Int) {
        if self.world.isEndActor { self.world.violated("an end actor reports progress") }
        if id.isEmpty { self.world.violated("progress of an envelope without id") }
        if currentIndex != 0 { self.world.violated("progress carries index \(currentIndex)") }
        if actorsJSON.first != UInt8(ascii: "[") { self.world.violated("progress without the list of actors") }
    }

    func whenReportsAttempted(id: String, done: @escaping () -> Void) {
        if self.world.dice.happens(0.5) {
            done()
        } else {
            self.world.after(self.delay(limit: .seconds(1))) { [weak self] in
                if self?.isDead == false { done() }
            }
        }
    }

    func registerChildren(_ children: [ChildRegistration], done: @escaping () -> Void) {
        for (position, child) in children.enumerated() where child.id != "\(child.parentID)-\(position + 1)" {
            self.world.violated("child \(position + 1) of \(child.parentID) is called \(child.id)")
        }
        let records = children.first.map { self.world.pod?.records(withID: $0.parentID) ?? [] } ?? []
        self.world.after(self.delay(limit: .seconds(5))) { [weak self] in
            guard self?.isDead == false else { return }
            for record in records {
                if case .elements(let elements) = record.answer, elements.count == children.count + 1 {
                    record.registeredChildCount = children.count
                }
            }
            done()
        }
    }

    func reportFinal(_ report: FinalReport, done: @escaping (FinalReportOutcome) -> Void) {
        let record = report.status == .timedOut ? nil : self.currentRecord()
        if let record, record.message.id != report.id {
            self.world.violated("final status of \(report.id) for message \(record.message.id)")
        }
        self.finalCount += 1
        let number = self.finalCount
        self.finals[number] = { outcome in
            record?.finalOutcome = outcome
            done(outcome)
        }
        let dice = self.world.dice
        let isReachable = !dice.happens(self.world.faults.unreachableGateway)
        let delay = isReachable ? self.delay(limit: .seconds(30)) : .seconds(30)
        let outcome: FinalReportOutcome = isReachable ? (dice.happens(0.1) ? .rejected : .accepted) : .unreachable
        self.world.after(min(delay, report.singleAttemptLimit ?? delay)) { [weak self] in
            self?.finals.removeValue(forKey: number)?(outcome)
        }
        if self.isHurrying { self.limitFinals() }
    }

    func hurry() {
        self.isHurrying = true
        self.limitFinals()
    }

    /// Those that are open now end within the patience of a shutdown.
    private func limitFinals() {
        let open = self.finals.keys.sorted()
        self.world.after(FinalRetry.shutdownPatience) { [weak self] in
            for number in open { self?.finals.removeValue(forKey: number)?(.unreachable) }
        }
    }

    func die() {
        self.isDead = true
        self.finals = [:]
    }

    func abandon() {
        let waiting = self.finals
        self.finals = [:]
        for (_, done) in waiting.sorted(by: { $0.key < $1.key }) { done(.unreachable) }
    }
}
