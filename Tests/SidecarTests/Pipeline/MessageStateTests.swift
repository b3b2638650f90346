import Testing

@testable import Sidecar

/// A state a message can be in, and how it gets there.
private enum Start: String, CaseIterable, Codable {
    case queued, inRuntime, awaitingGateway, publishingOne, publishingTwo, publishingAfterFailure, answered
    case reportingFinal, heldBack, settled

    func make() -> MessageState {
        var state = MessageState()
        switch self {
        case .queued: break
        case .inRuntime: state.handedToRuntime()
        case .awaitingGateway: state.waitsForGateway()
        case .publishingOne: state.publishes(1)
        case .publishingTwo: state.publishes(2)
        case .publishingAfterFailure:
            state.publishes(2)
            _ = state.publicationGivenUp()
        case .answered:
            state.publishes(1)
            _ = state.publicationGivenUp()
        case .reportingFinal:
            state.handedToRuntime()
            state.reportsFinal()
        case .heldBack: state.heldBackForRelease()
        case .settled: state.settled()
        }
        return state
    }
}

private enum Event: String, CaseIterable, Codable {
    case handedToRuntime, returnedByRuntime, waitsForGateway, publishes, publicationAccepted, publicationGivenUp
    case reportsFinal, finalReported, heldBackForRelease, settled

    func perform(on state: inout MessageState) -> MessageState.Action? {
        switch self {
        case .handedToRuntime: state.handedToRuntime()
        case .returnedByRuntime: state.returnedByRuntime()
        case .waitsForGateway: state.waitsForGateway()
        case .publishes: state.publishes(3)
        case .publicationAccepted: return state.publicationAccepted()
        case .publicationGivenUp: return state.publicationGivenUp()
        case .reportsFinal: state.reportsFinal()
        case .finalReported: return state.finalReported(.accepted)
        case .heldBackForRelease: state.heldBackForRelease()
        case .settled: state.settled()
        }
        return nil
    }
}

/// One cell of the table: what an event leads to; no phase where it cannot happen.
private struct Cell: CustomTestStringConvertible {
    var start: Start
    var event: Event
    var phase: MessageState.Phase?
    var action: MessageState.Action?

    var testDescription: String { "\(self.event) in \(self.start)" }

    /// The whole table; what is not written here is impossible.
    static let all: [Cell] = Start.allCases.flatMap { start in
        Event.allCases.map { event in
            let outcome = Self.outcome(of: event, in: start)
            return Cell(start: start, event: event, phase: outcome?.0, action: outcome?.1)
        }
    }

    private static func outcome(of event: Event, in start: Start) -> (MessageState.Phase, MessageState.Action?)? {
        switch (event, start) {
        case (.handedToRuntime, .queued): (.inRuntime, nil)
        case (.returnedByRuntime, .inRuntime): (.queued, nil)
        case (.waitsForGateway, .queued), (.waitsForGateway, .inRuntime): (.awaitingGateway, nil)
        case (.publishes, .queued), (.publishes, .inRuntime), (.publishes, .awaitingGateway), (.publishes, .answered),
            (.publishes, .reportingFinal):
            (.publishing(open: 3, hasFailed: false), nil)
        case (.publicationAccepted, .publishingOne): (.publishing(open: 0, hasFailed: false), .acknowledge)
        case (.publicationAccepted, .publishingTwo): (.publishing(open: 1, hasFailed: false), .wait)
        case (.publicationAccepted, .publishingAfterFailure): (.publishing(open: 0, hasFailed: true), .giveBack)
        case (.publicationGivenUp, .publishingOne): (.publishing(open: 0, hasFailed: true), .giveBack)
        case (.publicationGivenUp, .publishingTwo): (.publishing(open: 1, hasFailed: true), .wait)
        case (.publicationGivenUp, .publishingAfterFailure): (.publishing(open: 0, hasFailed: true), .giveBack)
        case (.reportsFinal, .inRuntime): (.reportingFinal, nil)
        case (.finalReported, .reportingFinal): (.reportingFinal, .acknowledge)
        case (.heldBackForRelease, .settled), (.heldBackForRelease, .heldBack): nil
        case (.heldBackForRelease, _): (.heldBack, nil)
        case (.settled, .settled): nil
        case (.settled, _): (.settled, nil)
        default: nil
        }
    }
}

@Suite("MessageState")
struct MessageStateTests {
    @Test("an event that can happen leads to one phase and one action", arguments: Cell.all.filter { $0.phase != nil })
    fileprivate func possible(_ cell: Cell) {
        var state = cell.start.make()
        let action = cell.event.perform(on: &state)
        #expect(state.phase == cell.phase)
        #expect(action == cell.action)
    }

    @Test("an event that cannot happen stops the process", arguments: Cell.all.filter { $0.phase == nil })
    fileprivate func impossible(_ cell: Cell) async {
        let (start, event) = (cell.start, cell.event)
        await #expect(processExitsWith: .failure) { [start = start as Start, event = event as Event] in
            var state = start.make()
            _ = event.perform(on: &state)
        }
    }

    @Test("publishing nothing stops the process")
    func publishingNothing() async {
        await #expect(processExitsWith: .failure) {
            var state = MessageState()
            state.publishes(0)
        }
    }

    @Test(
        "the answer to a final report decides between acknowledging and giving back",
        arguments: [
            (FinalReportOutcome.accepted, MessageState.Action.acknowledge), (.rejected, .acknowledge),
            (.unreachable, .giveBack),
        ]
    )
    func finalReports(outcome: FinalReportOutcome, action: MessageState.Action) {
        var state = Start.reportingFinal.make()
        #expect(state.finalReported(outcome) == action)
    }

    @Test("acknowledges with the last of several accepted publications, and only then")
    func lastPublicationAcknowledges() {
        var state = MessageState()
        state.publishes(3)
        #expect(state.publicationAccepted() == .wait)
        #expect(state.publicationAccepted() == .wait)
        #expect(state.publicationAccepted() == .acknowledge)
    }

    @Test("gives back after the last answer when any publication was given up, in whatever order", arguments: 0..<3)
    func oneFailureGivesBack(position: Int) {
        var state = MessageState()
        state.publishes(3)
        for index in 0..<3 {
            #expect(state.mayRetryPublication == (index <= position))
            let action = index == position ? state.publicationGivenUp() : state.publicationAccepted()
            #expect(action == (index == 2 ? .giveBack : .wait))
        }
    }

    @Test("an error envelope that takes the place of failed publications may be retried and acknowledged")
    func replacement() {
        var state = Start.answered.make()
        #expect(!state.mayRetryPublication)
        state.publishes(1)
        #expect(state.mayRetryPublication)
        #expect(state.publicationAccepted() == .acknowledge)
    }
}
