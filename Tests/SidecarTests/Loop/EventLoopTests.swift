import Testing

@testable import Sidecar

@Suite("EventLoop and its timers")
struct EventLoopTests {
    @Test("work put off runs at the end of the turn, also when it is put off from such work")
    func atTurnEnd() throws {
        let driver = try LoopDriver()
        var order: [Int] = []
        driver.loop.atTurnEnd {
            order.append(1)
            driver.loop.atTurnEnd { order.append(3) }
        }
        driver.loop.atTurnEnd { order.append(2) }
        #expect(order.isEmpty, "never inside the call")
        try driver.run("all three ran") { order.count == 3 }
        #expect(order == [1, 2, 3])
    }

    @Test("a turn ends after what was put off in it")
    func turnEnded() throws {
        let driver = try LoopDriver()
        var order: [String] = []
        driver.loop.turnEnded = { if order.last == "work" { order.append("end") } }
        driver.loop.atTurnEnd { order.append("work") }
        try driver.run("the turn ended") { order.count == 2 }
        #expect(order == ["work", "end"])
    }

    @Test("a timer fires once, not before its time")
    func timer() throws {
        let driver = try LoopDriver()
        var fired: [MonotonicTime] = []
        let timer = try LoopTimer(loop: driver.loop) { fired.append(driver.loop.now) }
        let begin = driver.loop.now
        timer.start(after: .microseconds(5500))
        #expect(timer.isActive)
        try driver.run("it fires") { !fired.isEmpty }
        #expect(fired[0] - begin >= .microseconds(5500))
        #expect(!timer.isActive)
        try driver.turn()
        #expect(fired.count == 1)
    }

    @Test("starting a timer again replaces its deadline; a stopped or forgotten timer is silent")
    func timerEnds() throws {
        let driver = try LoopDriver()
        var fired: [String] = []
        let moved = try LoopTimer(loop: driver.loop) { fired.append("moved") }
        moved.start(after: .seconds(3600))
        moved.start(after: .milliseconds(2))
        let stopped = try LoopTimer(loop: driver.loop) { fired.append("stopped") }
        stopped.start(after: .zero)
        stopped.stop()
        var forgotten: LoopTimer? = try LoopTimer(loop: driver.loop) { fired.append("forgotten") }
        forgotten?.start(after: .zero)
        forgotten = nil
        try driver.run("the moved one fires") { !fired.isEmpty }
        try driver.turn()
        #expect(fired == ["moved"])
        #expect(!stopped.isActive)
    }
}

@Suite("MonotonicTime")
struct MonotonicTimeTests {
    private let start = MonotonicTime(nanoseconds: 1_000)

    @Test("adding saturates at the end of time and ignores negative durations")
    func adding() {
        #expect(self.start + .nanoseconds(5) == MonotonicTime(nanoseconds: 1_005))
        #expect(self.start + .seconds(-5) == self.start)
        #expect(self.start + .seconds(Int64.max) == .distantFuture)
        #expect(MonotonicTime.distantFuture + .seconds(1) == .distantFuture)
    }

    @Test("a difference is never negative")
    func differences() {
        #expect((self.start + .seconds(2)) - self.start == .seconds(2))
        #expect(self.start - (self.start + .seconds(2)) == .zero)
        #expect(MonotonicTime.distantFuture - self.start == .nanoseconds(Int64.max))
        #expect((self.start + .milliseconds(1500)).seconds(since: self.start) == 1.5)
        #expect(self.start.seconds(since: .distantFuture) == 0)
    }

    @Test("durations become whole nanoseconds within the range of the type")
    func wholeNanoseconds() {
        #expect(Duration.milliseconds(1500).wholeNanoseconds == 1_500_000_000)
        #expect(Duration.seconds(-1).wholeNanoseconds == 0)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999).wholeNanoseconds == 1)
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    }
}
