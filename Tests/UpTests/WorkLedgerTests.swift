import Testing

@testable import Up

@Suite struct WorkLedgerTests {
    static let pair = PairID(actor: "a", index: 0)

    @Test("a metrics page gives the counters of its namespace; everything else is ignored")
    func page() {
        let page = """
            # HELP asya_actor_messages_processed_total x
            asya_actor_messages_processed_total{queue="a",status="success"} 7
            asya_actor_messages_processed_total{queue="a",status="empty_response"} 2
            asya_actor_messages_failed_total{queue="a",reason="runtime_error"} 1
            asya_actor_active_messages 3
            asya_actor_messages_received_total{queue="a"} 99
            other_messages_processed_total 1000
            asya_actor_messages_processed_total{bad
            asya_actor_active_messages NaN
            """
        #expect(
            MetricsSample(page: page, namespace: "asya_actor") == MetricsSample(done: 10, failed: 1, active: 3)
        )
        #expect(MetricsSample(page: page, namespace: "mine") == MetricsSample())
    }

    @Test("counters of all sidecars add up, restarts included")
    func sums() {
        var ledger = WorkLedger()
        ledger.note(MetricsSample(done: 5, failed: 1, active: 2), of: Self.pair)
        ledger.note(MetricsSample(done: 8, failed: 1, active: 0), of: Self.pair)
        ledger.forget(Self.pair)
        ledger.note(MetricsSample(done: 2, failed: 2, active: 1), of: Self.pair)
        ledger.noteDone(nil, now: .zero)
        #expect(ledger.shownDone == 10)
        #expect(ledger.failed == 3)
        #expect(ledger.active == 1)
    }

    @Test("the transport's own count is preferred; the rate is that of the last five seconds")
    func rate() {
        var ledger = WorkLedger()
        ledger.noteDone(100, now: .zero)
        #expect(ledger.rate == 0)
        ledger.noteDone(110, now: .seconds(1))
        #expect(ledger.shownDone == 110)
        #expect(ledger.rate == 10)
        for second in 2...8 { ledger.noteDone(110, now: .seconds(second)) }
        #expect(ledger.rate == 0)
    }
}
