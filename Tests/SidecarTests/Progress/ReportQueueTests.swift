import Testing

@testable import Sidecar

@Suite struct ReportQueueTests {
    @discardableResult
    private func append(
        _ queue: inout ReportQueue,
        _ id: String,
        _ stage: ProgressStage = .processing(actor: "a"),
        actors: String = "[]"
    ) -> ReportQueue.Admission {
        Array(actors.utf8).withUnsafeBytes { queue.append(stage, id: id, actorsJSON: $0, currentIndex: 0) }
    }

    private let completed = ProgressStage.completed(after: .zero)

    @Test("reports of one envelope leave one after the other, others meanwhile")
    func order() {
        var queue = ReportQueue()
        self.append(&queue, "x", .received(messageByteCount: 1))
        self.append(&queue, "x")
        self.append(&queue, "y")
        self.append(&queue, "x", self.completed)
        #expect(queue.next()?.stage == .received(messageByteCount: 1))
        #expect(queue.next()?.id == "y")
        #expect(queue.next() == nil && !queue.hasNext && queue.count == 2)
        queue.finished(id: "x")
        #expect(queue.next()?.stage == .processing(actor: "a"))
        queue.finished(id: "x")
        #expect(queue.next()?.stage == self.completed)
        queue.finished(id: "y")
        queue.finished(id: "x")
        #expect(queue.isEmpty && queue.byteCount == 0)
    }

    @Test("a full queue drops the oldest report that is not a completion")
    func dropping() {
        var queue = ReportQueue(reportLimit: 4)
        self.append(&queue, "a", self.completed)
        self.append(&queue, "b")
        self.append(&queue, "c")
        self.append(&queue, "d", self.completed)
        #expect(self.append(&queue, "e") == .dropped(ids: ["b"]))
        #expect(self.append(&queue, "f", self.completed) == .dropped(ids: ["c"]))
        #expect(self.append(&queue, "g", self.completed) == .dropped(ids: ["e"]))
        // Only completions are left: a lesser report gives way itself, a completion replaces the oldest.
        #expect(self.append(&queue, "h") == .dropped(ids: ["h"]))
        #expect(self.append(&queue, "i", self.completed) == .dropped(ids: ["a"]))
        #expect((0..<4).map { _ in queue.next()?.id } == ["d", "f", "g", "i"])
    }

    @Test("what is under way is not dropped, and dropping keeps the order of the rest")
    func underWay() {
        var queue = ReportQueue(reportLimit: 2)
        self.append(&queue, "x", .received(messageByteCount: 1))
        #expect(queue.next()?.id == "x")
        self.append(&queue, "x")
        self.append(&queue, "x", self.completed)
        #expect(self.append(&queue, "y") == .dropped(ids: ["x"]))
        queue.finished(id: "x")
        #expect(queue.next()?.id == "y")
        #expect(queue.next()?.stage == self.completed)
    }

    @Test("bytes are bounded too, and one report that is too large is dropped itself")
    func bytes() {
        var queue = ReportQueue(byteLimit: 100)
        let actors = "[\"" + String(repeating: "a", count: 40) + "\"]"
        self.append(&queue, "1", actors: actors)
        self.append(&queue, "2", actors: actors)
        #expect(self.append(&queue, "3", actors: actors) == .dropped(ids: ["1"]))
        #expect(self.append(&queue, "4", actors: String(repeating: "a", count: 200)) == .dropped(ids: ["2", "3", "4"]))
        #expect(queue.isEmpty && queue.byteCount == 0)
    }

    @Test("whether everything was attempted")
    func attempted() {
        var queue = ReportQueue(reportLimit: 2)
        #expect(!queue.hasUnattempted(id: "x"))
        self.append(&queue, "x")
        self.append(&queue, "x", self.completed)
        _ = queue.next()
        queue.attempted(id: "x")
        #expect(queue.hasUnattempted(id: "x"))
        queue.finished(id: "x")
        _ = queue.next()
        #expect(queue.hasUnattempted(id: "x"))
        queue.attempted(id: "x")
        #expect(!queue.hasUnattempted(id: "x"))
        queue.finished(id: "x")
        self.append(&queue, "z")
        self.append(&queue, "y")
        self.append(&queue, "y")
        #expect(!queue.hasUnattempted(id: "z"))
    }

    /// A plain model: an array searched from the front.
    private struct Model {
        var waiting: [(id: String, isCompletion: Bool, number: Int)] = []
        var busy: Set<String> = []

        mutating func append(_ id: String, _ isCompletion: Bool, _ number: Int, limit: Int) -> String? {
            var dropped: String?
            if self.waiting.count == limit {
                if let index = self.waiting.firstIndex(where: { !$0.isCompletion }) ?? (isCompletion ? 0 : nil) {
                    dropped = self.waiting.remove(at: index).id
                } else {
                    return id
                }
            }
            self.waiting.append((id, isCompletion, number))
            return dropped
        }
    }

    @Test("a long random run agrees with a plain model")
    func model() {
        var queue = ReportQueue(reportLimit: 20)
        var model = Model()
        var generator = SystemRandomNumberGenerator()
        for number in 0..<50_000 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                let id = "id\(Int.random(in: 0..<8, using: &generator))"
                let isCompletion = Bool.random(using: &generator)
                let stage = isCompletion ? self.completed : .received(messageByteCount: number)
                let expected = model.append(id, isCompletion, number, limit: 20)
                #expect(self.append(&queue, id, stage) == (expected.map { .dropped(ids: [$0]) } ?? .queued))
            case 6..<8:
                guard let report = queue.next() else {
                    #expect(!model.waiting.contains { !model.busy.contains($0.id) })
                    continue
                }
                #expect(model.busy.insert(report.id).inserted)
                let index = model.waiting.firstIndex { $0.id == report.id }
                let first = index.map { model.waiting.remove(at: $0) }
                #expect(first?.isCompletion == report.isCompletion)
                if case .received(let stamp) = report.stage { #expect(first?.number == stamp) }
            default:
                guard let id = model.busy.randomElement(using: &generator) else { continue }
                model.busy.remove(id)
                queue.finished(id: id)
            }
            #expect(queue.count == model.waiting.count)
        }
    }

    @Test("a full queue that nobody empties costs the same per report as an empty one")
    func constantCost() {
        var queue = ReportQueue()
        let clock = ContinuousClock()
        let time = clock.measure {
            for number in 0..<30_000 {
                self.append(&queue, "envelope-\(number / 3)", actors: #"["a","b"]"#)
            }
        }
        #expect(queue.count == ReportQueue.reportLimit)
        // Quadratic behaviour would take a minute; a debug build needs about 0.1 s.
        #expect(time < .seconds(5))
    }
}
