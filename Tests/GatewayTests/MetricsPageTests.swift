import Support
import Testing

@testable import Gateway

@Suite("Metrics page")
struct MetricsPageTests {
    private func page(
        _ metrics: GatewayMetrics,
        counts: [EnvelopeStatus: Int] = [:]
    ) -> [Substring] {
        let page = MetricsPage(
            state: metrics.snapshot,
            envelopesByStatus: counts,
            configurationGeneration: 1,
            process: ProcessUsage(cpuSeconds: 0.5, residentByteCount: 4096, startedEpochSeconds: 1)
        )
        return page.text.split(separator: "\n")
    }

    @Test("an envelope's end is counted by tool and status, with its age")
    func ends() {
        let metrics = GatewayMetrics()
        let created = EpochTime(microseconds: 1_000_000)
        var envelope = EnvelopeState(id: "x", actors: ["a"], createdAt: created)
        envelope.tool = "say \"hi\""
        envelope.status = .succeeded
        metrics.ended(envelope, now: created.advanced(by: .seconds(7)))
        let lines = self.page(metrics)
        let labels = #"tool="say \"hi\"",status="succeeded""#
        #expect(lines.contains("asya_gateway_envelopes_ended_total{\(labels)} 1"))
        #expect(lines.contains("asya_gateway_envelope_age_seconds_bucket{\(labels),le=\"5.0\"} 0"))
        #expect(lines.contains("asya_gateway_envelope_age_seconds_bucket{\(labels),le=\"10.0\"} 1"))
        #expect(lines.contains("asya_gateway_envelope_age_seconds_bucket{\(labels),le=\"3600.0\"} 1"))
        #expect(lines.contains("asya_gateway_envelope_age_seconds_sum{\(labels)} 7.0"))
    }

    @Test("another machine's clock makes no negative times")
    func skew() {
        let metrics = GatewayMetrics()
        let now = EpochTime.now()
        metrics.arrived(tool: "t", createdAt: now.advanced(by: .seconds(3)), now: now)
        #expect(self.page(metrics).contains(#"asya_gateway_queue_time_seconds_sum{tool="t"} 0.0"#))
    }

    @Test("the number of series is bounded, whatever tools there were")
    func bounds() {
        let metrics = GatewayMetrics()
        for index in 0..<1000 {
            metrics.called(tool: "tool-\(index)")
            metrics.arrived(tool: "tool-\(index)", createdAt: .now(), now: .now())
            var envelope = EnvelopeState(id: "x", actors: ["a"])
            envelope.tool = "tool-\(index)"
            envelope.status = index % 2 == 0 ? .succeeded : .failed
            metrics.ended(envelope, now: .now())
        }
        let state = metrics.snapshot
        #expect(state.calls.count == GatewayMetrics.toolLimit + 1)
        #expect(state.calls["other"] == 1000 - GatewayMetrics.toolLimit)
        #expect(state.queueSeconds.count == GatewayMetrics.toolLimit + 1)
        #expect(state.ages.count == GatewayMetrics.toolLimit * 2 + 2)
    }

    @Test("every family is explained once, before its samples")
    func families() {
        let metrics = GatewayMetrics()
        metrics.requested(route: "/x", code: 200, nanoseconds: 5)
        metrics.storeEnded("load", metrics.storeStarted(), failed: true)
        metrics.databaseConnections(limit: 5)
        let lines = self.page(metrics, counts: [.running: 3])
        let helps = lines.filter { $0.hasPrefix("# HELP") }.map { $0.split(separator: " ")[2] }
        #expect(Set(helps).count == helps.count)
        #expect(lines.contains(#"asya_gateway_envelopes{status="running"} 3"#))
        #expect(lines.contains("asya_gateway_store_requests_active 0"))
        #expect(lines.contains("asya_gateway_database_connections_limit 5"))
        for line in lines where !line.hasPrefix("#") {
            let name = line.prefix { $0 != "{" && $0 != " " }
            #expect(helps.contains { name.hasPrefix($0) }, "\(name)")
        }
    }

    @Test("only the first actor's first report tells the time in the queue")
    func arrival() {
        func isArrival(_ reports: (ActorPhase, Int)...) -> Bool {
            var state = EnvelopeState(id: "x", actors: ["a", "b"])
            var last = ProgressReport()
            for (phase, index) in reports {
                last = ProgressReport(actors: ["a", "b"], currentActorIndex: index, phase: phase)
                _ = EnvelopeLifeCycle.apply(.progress(last), to: &state, now: .now())
            }
            return EnvelopeLifeCycle.isArrival(last, state)
        }
        #expect(isArrival((.received, 0)))
        #expect(!isArrival((.processing, 0)))
        #expect(!isArrival((.received, 0), (.processing, 0), (.received, 0)), "a redelivery")
        #expect(!isArrival((.received, 0), (.completed, 0), (.received, 1)))
        #expect(isArrival((.received, 1), (.received, 0)), "a later actor's report came before it")
        #expect(isArrival((.received, 1), (.completed, 1), (.received, 0)))
        #expect(!isArrival((.received, 1), (.received, 0), (.completed, 0), (.received, 0)), "a redelivery")
    }

    @Test("the next count of the store waits a hundred times as long as the last one took")
    func counting() {
        let second: UInt64 = 1_000_000_000
        #expect(StatusCounts.dueTime(started: 0, ended: second / 100) == second / 100 + 15 * second)
        #expect(StatusCounts.dueTime(started: 0, ended: 2 * second) == 202 * second)
    }
}

@Suite("Connection ages")
struct ConnectionAgesTests {
    private static let second: UInt64 = 1_000_000_000

    @Test("a connection is replaced when it is old or was not used for long")
    func limits() {
        let ages = ConnectionAges(lifetime: .seconds(60), idleTime: .seconds(10))
        #expect(!ages.isOver(openedAt: 0, usedAt: 59 * Self.second, now: 60 * Self.second))
        #expect(ages.isOver(openedAt: 0, usedAt: 60 * Self.second, now: 61 * Self.second))
        #expect(ages.isOver(openedAt: 0, usedAt: 0, now: 11 * Self.second))
    }

    @Test("0 is no limit")
    func unlimited() {
        #expect(!ConnectionAges.unlimited.isOver(openedAt: 0, usedAt: 0, now: .max))
    }
}
