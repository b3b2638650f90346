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
            life { _ = ($0.begin(now: .zero), $0.stop(now: .zero)) },
            life { _ = $0.stop(now: .zero) },
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
                "restart", { $0.restart(now: .zero) },
                [
                    (.idle, []), (restarting, [.terminate]), (restarting, [.terminate]), (restarting, []),
                    (starting, [.start]), (stopping, []), (.stopped, []),
                ]
            ),
            (
                "stop", { $0.stop(now: .zero) },
                [
                    (.stopped, []), (stopping, [.terminate]), (stopping, [.terminate]), (stopping, []), (.stopped, []),
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

    @Test("one that does not answer for half a minute is killed, which is a failure")
    func hanging() {
        var life = GatewayLifecycle()
        _ = life.begin(now: .zero)
        #expect(life.timePassed(now: life.limits.start) == [.kill])
        #expect(life.ended(.signalled(9), now: life.limits.start).count == 1 && life.failureCount == 1)
    }

    @Test("sidecars are not sent to a gateway that does not start")
    func sidecars() {
        let plan = GatewayPlan(program: "/g", port: 1, toolsPath: "/t", environment: [:])
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
