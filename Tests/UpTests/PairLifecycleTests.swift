import Glibc
import SeededRandom
import Testing

@testable import Up

@Suite struct PairLifecycleTests {
    typealias Action = PairLifecycle.Action
    static let limits = PairLifecycle.Limits(drain: .seconds(60))
    static let half = Duration.milliseconds(500)

    /// A pair in each phase, reached by the events that lead there in life.
    static func pair(_ phase: String) -> PairLifecycle {
        var pair = PairLifecycle(limits: Self.limits)
        if phase == "waitingForSlot" { return pair }
        _ = pair.slotGranted()
        if phase == "starting" { return pair }
        pair.runtimeBecameReady(now: .zero)
        switch phase {
        case "runtimeDown": _ = pair.ended(.runtime, .signalled(SIGKILL), now: .zero)
        case "draining": _ = pair.stop(now: .zero)
        case "endingForStop":
            _ = pair.stop(now: .zero)
            _ = pair.ended(.sidecar, .exited(0), now: .zero)
        case "endingForRestart": _ = pair.ended(.sidecar, .exited(1), now: .zero)
        case "backingOff":
            _ = pair.ended(.sidecar, .exited(1), now: .zero)
            _ = pair.ended(.runtime, .exited(0), now: .zero)
        case "stopped":
            _ = pair.stop(now: .zero)
            _ = pair.ended(.sidecar, .exited(0), now: .zero)
            _ = pair.ended(.runtime, .exited(0), now: .zero)
        default: break
        }
        return pair
    }

    @Test("the runtime is started before its sidecar, and readiness makes the pair ready")
    func starts() {
        var pair = PairLifecycle(limits: Self.limits)
        #expect(pair.slotGranted() == [.start(.runtime), .start(.sidecar)])
        #expect(pair.phase == .starting && !pair.isReady)
        pair.runtimeBecameReady(now: .seconds(2))
        #expect(pair.phase == .ready(since: .seconds(2)) && pair.isReady)
    }

    @Test(
        "stop, in every phase, asks the sidecar first and never touches the runtime before it is gone",
        arguments: [
            ("waitingForSlot", [Action.finish]), ("starting", [.terminate(.sidecar)]),
            ("ready", [.terminate(.sidecar)]), ("runtimeDown", [.terminate(.sidecar)]), ("draining", []),
            ("endingForStop", []), ("endingForRestart", []), ("backingOff", [.finish]), ("stopped", []),
        ]
    )
    func stop(phase: String, expected: [Action]) {
        var pair = Self.pair(phase)
        #expect(pair.stop(now: .seconds(1)) == expected)
        #expect(pair.isLeaving)
        #expect(pair.stop(now: .seconds(1)) == [], "asking again changes nothing")
    }

    @Test(
        "the end of a sidecar, in every phase",
        arguments: [
            ("waitingForSlot", []),
            ("starting", [.reportFailure(.sidecar, .exited(1), retryAfter: half), .terminate(.runtime)]),
            ("ready", [.reportFailure(.sidecar, .exited(1), retryAfter: half), .terminate(.runtime)]),
            ("runtimeDown", [.reportFailure(.sidecar, .exited(1), retryAfter: .seconds(1))]),
            ("draining", [.terminate(.runtime)]), ("endingForStop", []), ("endingForRestart", []),
            ("backingOff", []), ("stopped", [Action]()),
        ]
    )
    func sidecarEnds(phase: String, expected: [Action]) {
        var pair = Self.pair(phase)
        #expect(pair.ended(.sidecar, .exited(1), now: .seconds(1)) == expected)
    }

    @Test(
        "the end of a runtime, in every phase: its sidecar is left alone",
        arguments: [
            ("waitingForSlot", []), ("starting", [.reportFailure(.runtime, .exited(1), retryAfter: half)]),
            ("ready", [.reportFailure(.runtime, .exited(1), retryAfter: half)]), ("runtimeDown", []),
            ("draining", []), ("endingForStop", [.finish]), ("endingForRestart", []), ("backingOff", []),
            ("stopped", [Action]()),
        ]
    )
    func runtimeEnds(phase: String, expected: [Action]) {
        var pair = Self.pair(phase)
        #expect(pair.ended(.runtime, .exited(1), now: .seconds(1)) == expected)
    }

    @Test(
        "force kills whatever lives, in every phase",
        arguments: [
            ("waitingForSlot", [Action.finish]), ("starting", [.kill(.sidecar), .kill(.runtime)]),
            ("ready", [.kill(.sidecar), .kill(.runtime)]), ("runtimeDown", [.kill(.sidecar)]),
            ("draining", [.kill(.sidecar), .kill(.runtime)]), ("endingForStop", [.kill(.runtime)]),
            ("endingForRestart", [.kill(.runtime)]), ("backingOff", [.finish]), ("stopped", []),
        ]
    )
    func force(phase: String, expected: [Action]) {
        var pair = Self.pair(phase)
        #expect(pair.forceStop() == expected)
        if expected.contains(.finish) || phase == "stopped" {
            #expect(pair.phase == .stopped)
        } else {
            var last: [Action] = []
            if pair.sidecarIsAlive { last = pair.ended(.sidecar, .signalled(SIGKILL), now: .zero) }
            if pair.runtimeIsAlive { last = pair.ended(.runtime, .signalled(SIGKILL), now: .zero) }
            #expect(last == [.finish])
        }
    }

    @Test(
        "deadlines, in every phase",
        arguments: [
            ("waitingForSlot", []), ("starting", []), ("ready", []), ("runtimeDown", [.start(.runtime)]),
            ("draining", [.reportDrainTimeout, .kill(.sidecar), .kill(.runtime)]),
            ("endingForStop", [.kill(.runtime)]), ("endingForRestart", [.kill(.runtime)]),
            ("backingOff", [.start(.runtime), .start(.sidecar)]), ("stopped", [Action]()),
        ]
    )
    func deadlines(phase: String, expected: [Action]) {
        var pair = Self.pair(phase)
        guard let deadline = pair.deadline else {
            #expect(pair.timePassed(now: .seconds(9_999)) == [])
            #expect(expected.isEmpty)
            return
        }
        #expect(pair.timePassed(now: deadline - .nanoseconds(1)) == [])
        #expect(pair.timePassed(now: deadline) == expected)
        #expect(pair.timePassed(now: deadline) == [], "a deadline acts once")
    }

    @Test("an orderly end: sidecar, runtime, over")
    func orderlyEnd() {
        var pair = Self.pair("ready")
        #expect(pair.stop(now: .zero) == [.terminate(.sidecar)])
        #expect(pair.timePassed(now: .seconds(59)) == [], "a handler may use all of its time")
        #expect(pair.ended(.sidecar, .exited(0), now: .seconds(59)) == [.terminate(.runtime)])
        #expect(pair.ended(.runtime, .exited(0), now: .seconds(59)) == [.finish])
        #expect(pair.phase == .stopped)
    }

    @Test("a runtime that fails is restarted with growing delays and said to be crash looping")
    func crashLoop() {
        var pair = Self.pair("starting")
        var now = Duration.zero
        var delays: [Duration] = []
        for failure in 1...9 {
            let actions = pair.ended(.runtime, .exited(1), now: now)
            guard case .reportFailure(.runtime, .exited(1), let delay) = actions.first else {
                Issue.record("no report")
                return
            }
            delays.append(delay)
            #expect(pair.isCrashLooping == (failure >= 3))
            now += delay
            #expect(pair.timePassed(now: now) == [.start(.runtime)])
        }
        #expect(delays.prefix(4) == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4)])
        #expect(delays.last == .seconds(30))
    }

    @Test("thirty seconds of readiness are a clean record; less is not")
    func stability() {
        for (seconds, expected) in [(29, 3), (30, 1)] {
            var pair = Self.pair("starting")
            for _ in 1...2 {
                _ = pair.ended(.runtime, .exited(1), now: .zero)
                _ = pair.timePassed(now: .seconds(100))
            }
            pair.runtimeBecameReady(now: .seconds(200))
            #expect(!pair.isCrashLooping)
            _ = pair.ended(.runtime, .exited(1), now: .seconds(200 + seconds))
            #expect(pair.failureCount == expected)
        }
    }

    @Test("a runtime that does not end after its sidecar's failure is killed, and both start again")
    func handlerTimeout() {
        var pair = Self.pair("ready")
        _ = pair.ended(.sidecar, .exited(1), now: .zero)
        #expect(pair.timePassed(now: .seconds(5)) == [.kill(.runtime)])
        #expect(pair.ended(.runtime, .signalled(SIGKILL), now: .seconds(5)) == [])
        #expect(pair.phase == .backingOff(retryAt: Self.half), "the delay ran while the runtime ended")
        #expect(pair.timePassed(now: .seconds(5)) == [.start(.runtime), .start(.sidecar)])
    }

    @Test("a stop while a failed runtime ends leads to the end, not to a restart")
    func stopDuringRestart() {
        var pair = Self.pair("endingForRestart")
        #expect(pair.stop(now: .zero) == [])
        #expect(pair.ended(.runtime, .exited(0), now: .zero) == [.finish])
    }

    @Test("random events: no process is started twice, stopped pairs stay stopped, everything ends", arguments: 0..<40)
    func randomEvents(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var world = PairWorld(pair: PairLifecycle(limits: Self.limits))
        for _ in 0..<400 { world.randomEvent(using: &generator) }
        world.stopAndWait()
        #expect(world.pair.phase == .stopped)
        #expect(world.alive.isEmpty)
        #expect(world.finishCount == 1)
    }
}

/// Processes that obey the pair's actions, and events at random.
private struct PairWorld {
    var pair: PairLifecycle
    var now = Duration.zero
    var alive: Set<PairRole> = []
    var finishCount = 0

    mutating func randomEvent(using generator: inout SeededRandom) {
        self.now += .milliseconds(Int.random(in: 0...2000, using: &generator))
        switch Int.random(in: 0..<100, using: &generator) {
        case 0..<20: self.apply(self.pair.slotGranted())
        case 20..<45: self.pair.runtimeBecameReady(now: self.now)
        case 45..<60:
            if let role = self.alive.randomElement(using: &generator) { self.end(role, .exited(1)) }
        case 60..<61: self.apply(self.pair.stop(now: self.now))
        default: self.apply(self.pair.timePassed(now: self.now))
        }
        #expect(self.alive.contains(.sidecar) == self.pair.sidecarIsAlive)
        #expect(self.alive.contains(.runtime) == self.pair.runtimeIsAlive)
    }

    mutating func stopAndWait() {
        self.apply(self.pair.stop(now: self.now))
        for _ in 0..<20 where self.pair.phase != .stopped {
            // Nothing ends by itself any more: every end is one that the pair enforces in time.
            if let deadline = self.pair.deadline { self.now = max(self.now, deadline) }
            self.apply(self.pair.timePassed(now: self.now))
        }
    }

    private mutating func end(_ role: PairRole, _ status: ProcessEnd) {
        self.alive.remove(role)
        self.apply(self.pair.ended(role, status, now: self.now))
    }

    private mutating func apply(_ actions: [PairLifecycle.Action]) {
        for action in actions {
            switch action {
            case .start(let role):
                #expect(self.alive.insert(role).inserted, "a living process is not started again")
            case .terminate(let role):
                #expect(role == .sidecar || !self.alive.contains(.sidecar), "the sidecar goes first")
            case .kill(let role): self.end(role, .signalled(SIGKILL))
            case .reportFailure, .reportDrainTimeout: break
            case .finish: self.finishCount += 1
            }
        }
    }
}
