import Testing

@testable import Traces

@Suite("Span export")
struct SpanExportTests {
    private static let span = OTLPTraceRequestTests.span
    private static let full = [Span](repeating: span, count: SpanQueue.batchLimit)

    @Test("a span waits for others, a full batch does not")
    func batching() {
        var export = SpanExport()
        #expect(export.append([Self.span]) == .wait(SpanExport.batchDelay))
        #expect(export.append(Self.full) == .send)
        #expect(export.nextBatch().count == SpanQueue.batchLimit)
        #expect(export.append([Self.span]) == .rest, "a request is under way")
        #expect(export.nextBatch().isEmpty)
        #expect(export.answered(.status(200)).step == .wait(SpanExport.batchDelay))
        #expect(export.nextBatch().count == 2)
        #expect(export.answered(.status(202)).step == .rest)
        #expect(export.isIdle)
    }

    @Test("what may pass is repeated, later each time, and then given up")
    func repeating() {
        var export = SpanExport()
        _ = export.append([Self.span])
        for pause in [2, 4] {
            #expect(export.nextBatch().count == 1)
            let (step, losses) = export.answered(.status(503))
            #expect(step == .wait(.seconds(pause)))
            #expect(losses.isEmpty)
        }
        #expect(export.nextBatch().count == 1)
        let (step, losses) = export.answered(.failed("no answer"))
        #expect(step == .rest)
        #expect(losses == [SpanExport.Loss(spanCount: 1, reason: "no answer")])
    }

    @Test("a refusal is not repeated", arguments: [400, 401, 404, 413, 500])
    func refusal(_ status: Int) {
        var export = SpanExport()
        _ = export.append([Self.span])
        _ = export.nextBatch()
        let (step, losses) = export.answered(.status(status))
        #expect(step == .rest)
        #expect(losses == [SpanExport.Loss(spanCount: 1, reason: "status \(status)")])
    }

    @Test("what finds no room while a request is under way is reported with its end")
    func overflow() {
        var export = SpanExport(spanLimit: 2)
        _ = export.append([Self.span])
        _ = export.nextBatch()
        _ = export.append([Self.span, Self.span, Self.span])
        #expect(export.answered(.status(200)).losses == [SpanExport.Loss(spanCount: 1, reason: "the queue was full")])
    }

    @Test("at the end everything leaves at once, and each request once")
    func flushing() {
        var export = SpanExport()
        #expect(export.flush() == .rest)
        export = SpanExport()
        _ = export.append(Self.full)
        _ = export.nextBatch()
        _ = export.append([Self.span])
        #expect(export.flush() == .rest)
        #expect(export.answered(.status(503)).step == .send)
        #expect(export.nextBatch().count == 1)
        #expect(export.answered(.status(200)).step == .rest)
        #expect(export.isIdle)
    }
}
