/// One queued progress report.
struct ProgressReport: Equatable {
    var id: String
    var stage: ProgressStage
    /// JSON text of `route.actors`; shared by the reports of one hop as long as it does not change.
    var actorsJSON: [UInt8]
    var currentIndex: Int

    var isCompletion: Bool {
        if case .completed = self.stage { return true }
        return false
    }
}

/// The progress reports that wait to be sent (`sidecar.md` 9.2): bounded, in order for each envelope, and cheap when
/// nobody takes them. A pure value; every operation is O(1) in the number of reports.
///
/// An envelope with a report under way is *busy*: its next report is handed out only after `finished`.
struct ReportQueue {
    /// What became of a new report.
    enum Admission: Equatable {
        case queued
        /// The queue was full: these were dropped for it, or it was dropped itself. Ids, one per dropped report.
        case dropped(ids: [String])
    }

    /// `sidecar.md` 9.2.
    static let reportLimit = 1024
    /// Routes come from outside; this is 4 KiB for each of 1024 reports.
    static let byteLimit = 4 * 1024 * 1024

    private struct Slot {
        var report: ProgressReport
        var envelope: Int
    }

    private struct Envelope {
        var id: String
        var reports = NodeLinks.List()
        var isBusy = false
        /// Whether the report under way has not been attempted once.
        var awaitsFirstAttempt = false
        var lastActors: [UInt8] = []
    }

    private let reportLimit: Int
    private let byteLimit: Int
    private var slots: [Slot?] = []
    private var freeSlots: [Int] = []
    private var envelopes: [Envelope] = []
    private var freeEnvelopes: [Int] = []
    private var byID: [String: Int] = [:]
    /// By age: what may be dropped, and completions, which may not as long as there is anything else.
    private var ageLinks = NodeLinks()
    private var droppable = NodeLinks.List()
    private var completions = NodeLinks.List()
    /// The reports of one envelope in order.
    private var orderLinks = NodeLinks()
    /// Envelopes that are not busy and have reports, in the order in which they became so.
    private var readyLinks = NodeLinks()
    private var ready = NodeLinks.List()

    /// Reports that wait.
    private(set) var count = 0
    /// Bytes of their routes and ids.
    private(set) var byteCount = 0

    init(reportLimit: Int = ReportQueue.reportLimit, byteLimit: Int = ReportQueue.byteLimit) {
        self.reportLimit = reportLimit
        self.byteLimit = byteLimit
    }

    var isEmpty: Bool { self.count == 0 }

    /// Whether `next()` would give a report.
    var hasNext: Bool { !self.ready.isEmpty }

    /// Whether a report of this envelope waits or is under way for the first time.
    func hasUnattempted(id: String) -> Bool {
        guard let index = self.byID[id] else { return false }
        return self.envelopes[index].awaitsFirstAttempt || !self.envelopes[index].reports.isEmpty
    }

    // MARK: In

    /// Adds a report; when the queue is full the oldest one that is not a completion makes room.
    mutating func append(
        _ stage: ProgressStage,
        id: String,
        actorsJSON: UnsafeRawBufferPointer,
        currentIndex: Int
    ) -> Admission {
        let cost = Self.cost(id: id, actorsByteCount: actorsJSON.count)
        let isCompletion = if case .completed = stage { true } else { false }
        var dropped: [String] = []
        while self.count >= self.reportLimit || self.byteCount + cost > self.byteLimit {
            guard let victim = self.victim(forCompletion: isCompletion) else {
                dropped.append(id)
                return .dropped(ids: dropped)
            }
            dropped.append(self.drop(victim))
        }
        let envelope = self.envelope(for: id)
        let report = ProgressReport(
            id: self.envelopes[envelope].id,
            stage: stage,
            actorsJSON: self.sharedActors(actorsJSON, of: envelope),
            currentIndex: currentIndex
        )
        self.insert(report, cost: cost, envelope: envelope)
        return dropped.isEmpty ? .queued : .dropped(ids: dropped)
    }

    private func victim(forCompletion isCompletion: Bool) -> Int? {
        self.droppable.head ?? (isCompletion ? self.completions.head : nil)
    }

    private static func cost(id: String, actorsByteCount: Int) -> Int { id.utf8.count + actorsByteCount }

    private mutating func envelope(for id: String) -> Int {
        if let known = self.byID[id] { return known }
        let index: Int
        if let free = self.freeEnvelopes.popLast() {
            index = free
            self.envelopes[index] = Envelope(id: id)
        } else {
            index = self.envelopes.count
            self.envelopes.append(Envelope(id: id))
            self.readyLinks.addNode()
        }
        self.byID[id] = index
        return index
    }

    /// The three reports of a hop usually name the same actors: one copy serves them all.
    private mutating func sharedActors(_ bytes: UnsafeRawBufferPointer, of envelope: Int) -> [UInt8] {
        let isSame = self.envelopes[envelope].lastActors.withUnsafeBytes { $0.elementsEqual(bytes) }
        if !isSame { self.envelopes[envelope].lastActors = [UInt8](bytes) }
        return self.envelopes[envelope].lastActors
    }

    private mutating func insert(_ report: ProgressReport, cost: Int, envelope: Int) {
        let slot: Int
        if let free = self.freeSlots.popLast() {
            slot = free
        } else {
            slot = self.slots.count
            self.slots.append(nil)
            self.ageLinks.addNode()
            self.orderLinks.addNode()
        }
        let isCompletion = report.isCompletion
        self.slots[slot] = Slot(report: report, envelope: envelope)
        self.count += 1
        self.byteCount += cost
        if isCompletion {
            self.ageLinks.append(slot, to: &self.completions)
        } else {
            self.ageLinks.append(slot, to: &self.droppable)
        }
        if self.envelopes[envelope].reports.isEmpty, !self.envelopes[envelope].isBusy {
            self.readyLinks.append(envelope, to: &self.ready)
        }
        self.orderLinks.append(slot, to: &self.envelopes[envelope].reports)
    }

    // MARK: Out

    /// The next report to send; its envelope is busy until `finished`.
    mutating func next() -> ProgressReport? {
        guard let envelope = self.ready.head, let slot = self.envelopes[envelope].reports.head else { return nil }
        self.readyLinks.remove(envelope, from: &self.ready)
        let report = self.take(slot)
        self.envelopes[envelope].isBusy = true
        self.envelopes[envelope].awaitsFirstAttempt = true
        return report
    }

    /// The report under way has been attempted for the first time.
    mutating func attempted(id: String) {
        guard let envelope = self.byID[id] else { preconditionFailure("an attempt belongs to a report under way") }
        self.envelopes[envelope].awaitsFirstAttempt = false
    }

    /// The report under way was accepted or given up.
    mutating func finished(id: String) {
        guard let envelope = self.byID[id], self.envelopes[envelope].isBusy else {
            preconditionFailure("what is finished was under way")
        }
        self.envelopes[envelope].isBusy = false
        self.envelopes[envelope].awaitsFirstAttempt = false
        if self.envelopes[envelope].reports.isEmpty {
            self.forget(envelope)
        } else {
            self.readyLinks.append(envelope, to: &self.ready)
        }
    }

    /// Drops a waiting report and returns its id.
    private mutating func drop(_ slot: Int) -> String {
        guard let envelope = self.slots[slot]?.envelope else { preconditionFailure("a listed slot is used") }
        let report = self.take(slot)
        if self.envelopes[envelope].reports.isEmpty, !self.envelopes[envelope].isBusy {
            self.readyLinks.remove(envelope, from: &self.ready)
            self.forget(envelope)
        }
        return report.id
    }

    private mutating func take(_ slot: Int) -> ProgressReport {
        guard let entry = self.slots[slot] else { preconditionFailure("a listed slot is used") }
        self.slots[slot] = nil
        self.freeSlots.append(slot)
        if entry.report.isCompletion {
            self.ageLinks.remove(slot, from: &self.completions)
        } else {
            self.ageLinks.remove(slot, from: &self.droppable)
        }
        self.orderLinks.remove(slot, from: &self.envelopes[entry.envelope].reports)
        self.count -= 1
        self.byteCount -= Self.cost(id: entry.report.id, actorsByteCount: entry.report.actorsJSON.count)
        return entry.report
    }

    private mutating func forget(_ envelope: Int) {
        self.byID[self.envelopes[envelope].id] = nil
        self.envelopes[envelope] = Envelope(id: "")
        self.freeEnvelopes.append(envelope)
    }
}
