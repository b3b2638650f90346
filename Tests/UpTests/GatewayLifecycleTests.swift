import Testing

@testable import Up

@Suite struct GatewayLifecycleTests {
    typealias Phase = GatewayLifecycle.Phase
    typealias Action = GatewayLifecycle.Action
    typealias Event = (inout GatewayLifecycle) -> [Action]
    typealias Outcome = (phase: Phase, actions: [Action])

    /// One in each phase, at time zero.
    static func lives() -> [(Phase, GatewayLifecycle)] {
        func life(_ prepare: (inout GatewayLifecycle) -> Void) -> GatewayLifecycle {
            var life = GatewayLifecycle()
            prepare(&life)
            return life
        }
        let starting = life { _ = $0.begin(now: .zero) }
        let ready = life { _ = ($0.begin(now: .zero), $0.becameReady(now: .zero)) }
        let lives = [
            life { _ in }, starting, ready,
            life { _ = ($0.begin(now: .zero), $0.restart(now: .zero)) },
            life { _ = ($0.begin(now: .zero), $0.ended(.exited(1), now: .zero)) },
            life { _ = ($0.begin(now: .zero), $0.stop(silentSince: nil, now: .zero)) },
            life { _ = $0.stop(silentSince: nil, now: .zero) },
        ]
        return lives.map { ($0.phase, $0) }
    }

    @Test("every event in every phase")
    func table() {
        // Rows: idle, starting, ready, restarting, backingOff, stopping, stopped.
        let end = GatewayLifecycle.Limits().end
        let retry = Duration.milliseconds(200)
        let failed: [Action] = [.reportFailure(.exited(9), retryAfter: retry)]
        let stopping = Phase.stopping(killAt: end)
        let silent = Phase.stopping(killAt: GatewayLifecycle.Limits().leastEnd)
        let restarting = Phase.restarting(killAt: end)
        let back = Phase.backingOff(retryAt: retry)
        let ready = Phase.ready(since: .zero)
        let starting = Phase.starting(killAt: GatewayLifecycle.Limits().start)
        let events: [(String, Event, [Outcome])] = [
            (
                "begin", { $0.begin(now: .zero) },
                [
                    (starting, [.start]), (starting, []), (ready, []), (restarting, []), (back, []), (stopping, []),
                    (.stopped, []),
                ]
            ),
            (
                "ready", { $0.becameReady(now: .zero) ? [.start] : [] },
                [
                    (.idle, []), (ready, [.start]), (ready, []), (restarting, []), (back, []), (stopping, []),
                    (.stopped, []),
                ]
            ),
            (
                "ended", { $0.ended(.exited(9), now: .zero) },
                [
                    (.idle, []), (back, failed), (back, failed), (starting, [.start]), (back, []), (.stopped, []),
                    (.stopped, []),
                ]
            ),
            (
                "port lost", { $0.lostPort(.exited(9), now: .zero) },
                [
                    (.idle, []), (starting, [.start]), (back, failed), (starting, [.start]), (back, []), (.stopped, []),
                    (.stopped, []),
                ]
            ),
            (
                "restart", { $0.restart(now: .zero) },
                [
                    (.idle, []), (restarting, [.terminate]), (restarting, [.terminate]), (restarting, []),
                    (starting, [.start]), (stopping, []), (.stopped, []),
                ]
            ),
            (
                "stop", { $0.stop(silentSince: nil, now: .zero) },
                [
                    (.stopped, []), (stopping, [.terminate]), (stopping, [.terminate]), (stopping, []), (.stopped, []),
                    (stopping, []), (.stopped, []),
                ]
            ),
            (
                "stop of a silent one", { $0.stop(silentSince: .seconds(-60), now: .zero) },
                [
                    (.stopped, []), (silent, [.terminate]), (silent, [.terminate]), (stopping, []), (.stopped, []),
                    (stopping, []), (.stopped, []),
                ]
            ),
            (
                "force", { $0.forceStop(now: .zero) },
                [
                    (.stopped, []), (stopping, [.kill]), (stopping, [.kill]), (stopping, [.kill]), (.stopped, []),
                    (stopping, [.kill]), (.stopped, []),
                ]
            ),
            (
                "time", { $0.timePassed(now: end) },
                [
                    (.idle, []), (starting, []), (ready, []), (.restarting(killAt: end * 2), [.kill]),
                    (.starting(killAt: end + GatewayLifecycle.Limits().start), [.start]),
                    (.stopping(killAt: end * 2), [.kill]), (.stopped, []),
                ]
            ),
        ]
        for (name, event, expected) in events {
            for ((phase, life), (after, actions)) in zip(Self.lives(), expected) {
                var life = life
                #expect(event(&life) == actions, "\(name) in \(phase)")
                #expect(life.phase == after, "\(name) in \(phase)")
            }
        }
    }

    @Test("delays grow to the limit; a gateway that was stable begins anew")
    func backoff() {
        var life = GatewayLifecycle()
        _ = life.begin(now: .zero)
        var now = Duration.zero
        var delays: [Duration] = []
        for _ in 0..<8 {
            _ = life.ended(.exited(1), now: now)
            guard case .backingOff(let retryAt) = life.phase else {
                Issue.record("it tries again")
                return
            }
            delays.append(retryAt - now)
            now = retryAt
            #expect(life.timePassed(now: now) == [.start])
        }
        #expect(delays.first == .milliseconds(200) && delays.last == .seconds(10) && delays == delays.sorted())
        #expect(life.isCrashLooping)
        _ = life.becameReady(now: now)
        #expect(!life.isCrashLooping)
        _ = life.ended(.exited(1), now: now + life.limits.stable)
        #expect(life.failureCount == 1)
        guard case .backingOff(let retryAt) = life.phase else {
            Issue.record("it tries again")
            return
        }
        #expect(retryAt - now - life.limits.stable == .milliseconds(200))
    }

    @Test(
        "one that hangs is killed ten seconds after it fell silent, but not at once",
        arguments: [(nil, 112), (100, 110), (99, 109), (40, 103)] as [(Int?, Int)]
    )
    func silence(since: Int?, killAt: Int) {
        var life = GatewayLifecycle()
        _ = (life.begin(now: .zero), life.becameReady(now: .zero))
        _ = life.stop(silentSince: since.map { .seconds($0) }, now: .seconds(100))
        #expect(life.phase == .stopping(killAt: .seconds(killAt)))
    }

    @Test("one that was ready and is silent for half a minute is killed; one that starts has its own limit")
    func liveness() {
        var life = GatewayLifecycle()
        _ = life.begin(now: .zero)
        #expect(life.silent(since: .zero, now: .seconds(60)).isEmpty)
        _ = life.becameReady(now: .zero)
        #expect(life.silent(since: .seconds(1), now: .seconds(30)).isEmpty)
        #expect(life.silent(since: .seconds(1), now: .seconds(31)) == [.kill])
    }

    @Test("lost ports are no failures, but not for ever")
    func ports() {
        var life = GatewayLifecycle()
        _ = life.begin(now: .zero)
        for _ in 0..<life.limits.portLossCount { #expect(life.lostPort(.exited(1), now: .zero) == [.start]) }
        #expect(life.failureCount == 0)
        _ = life.lostPort(.exited(1), now: .zero)
        #expect(life.failureCount == 1)
    }

    @Test("one that does not answer for half a minute is killed, which is a failure")
    func hanging() {
        var life = GatewayLifecycle()
        _ = life.begin(now: .zero)
        #expect(life.timePassed(now: life.limits.start) == [.kill])
        #expect(life.ended(.signalled(9), now: life.limits.start).count == 1 && life.failureCount == 1)
    }

    @Test("sidecars are not sent to a gateway that does not start")
    func sidecars() {
        let plan = GatewayPlan(program: "/g", port: 1, portSource: .ourselves, toolsPath: "/t", environment: [:])
        let run = GatewayRun(plan: plan, place: GatewayPlanTests.place, toolsWatch: nil)
        _ = run.life.begin(now: .zero)
        #expect(run.urlForSidecars == "http://127.0.0.1:1" && run.status.condition == .starting)
        for _ in 0..<3 {
            _ = run.life.ended(.exited(1), now: .zero)
            _ = run.life.timePassed(now: .seconds(60))
        }
        #expect(run.urlForSidecars == nil && run.status.condition == .crashLoop)
        _ = run.life.becameReady(now: .zero)
        #expect(run.urlForSidecars != nil && run.status.condition == .running)
        run.isHealthy = false
        #expect(run.status.condition == .notReady && !run.isAtRest)
    }
}
