import Testing

@testable import Sidecar

/// The reporter against a gateway on real sockets.
@Suite struct ProgressReporterTests {
    @Test("the three reports of a hop arrive in order, with the bodies of the specification, over kept connections")
    func hop() throws {
        let scene = try GatewayScene()
        for number in 0..<20 { scene.reportHop("x \(number)") }
        #expect(try scene.run { scene.reporter.pendingReportCount == 0 })
        #expect(scene.gateway.requests.count == 60)
        #expect(scene.gateway.acceptedCount <= 3)
        for number in 0..<20 {
            let own = scene.gateway.requests.filter { $0.path == "/base/envelopes/x%20\(number)/progress" }
            #expect(own.map(\.method) == ["POST", "POST", "POST"])
            #expect(own.first?.body.contains(#""message":"Received message (0.12 KB)""#) == true)
            #expect(own.last?.body.hasSuffix(#""message":"Completed processing in 37ms","duration_ms":37}"#) == true)
        }
        #expect(scene.count("progress", "accepted") == 60)
    }

    @Test(
        "only 200 counts: five attempts 200 ms apart, then the next report of the envelope",
        arguments: [500, 404, 201, 204]
    )
    func refused(status: Int) throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { $0.body.contains("received") ? .status(status) : .status(200) }
        let start = scene.driver.loop.now
        scene.report(.received(messageByteCount: 1), "x")
        scene.report(.processing(actor: "a"), "x")
        #expect(try scene.run { scene.reporter.pendingReportCount == 0 })
        #expect(scene.driver.loop.now - start >= .milliseconds(790))
        #expect(scene.gateway.requests.map { $0.body.contains("received") } == [true, true, true, true, true, false])
        #expect(scene.count("progress", "failed") == 1)
        #expect(scene.count("progress", "accepted") == 1)
    }

    @Test("an envelope that fails does not hold up the others")
    func independent() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { $0.path.contains("bad") ? .status(500) : .status(200) }
        scene.reportHop("bad")
        for number in 0..<10 { scene.reportHop("good\(number)") }
        #expect(try scene.run { scene.count("progress", "accepted") == 30 })
        #expect(scene.count("progress", "failed") == 0, "the bad one was still being tried")
    }

    @Test(
        "garbage, early ends and silence are failures, never crashes",
        arguments: [
            .raw("garbage\r\n\r\n", closes: false), .raw("HTTP/1.1 200 OK\r\nContent-Le", closes: true),
            .raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", closes: false), .close,
        ] as [ScriptedGateway.Answer]
    )
    func broken(answer: ScriptedGateway.Answer) throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in answer }
        scene.report(.processing(actor: "a"), "x")
        #expect(try scene.run { scene.count("progress", "failed") == 1 })
        #expect(scene.gateway.requests.count == 5)
        scene.gateway.answer = { _ in
            .raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", closes: false)
        }
        scene.report(.processing(actor: "a"), "y")
        #expect(try scene.run { scene.count("progress", "accepted") == 1 })
    }

    @Test("a gateway that is not there costs a bounded number of attempts, and reports flow when it comes")
    func absent() throws {
        let scene = try GatewayScene()
        try scene.gateway.stop()
        for number in 0..<2000 { scene.reportHop("x\(number)") }
        #expect(scene.reporter.pendingReportCount <= ReportQueue.reportLimit + ProgressReporter.underWayLimit)
        #expect(scene.metrics.gatewayReportsDropped.value > 4900)
        try scene.run(for: .milliseconds(300))
        try scene.gateway.start()
        scene.report(.processing(actor: "a"), "late")
        #expect(try scene.run { scene.gateway.requests.contains { $0.path.contains("/late/") } })
    }

    @Test("a server that closes idle connections costs no attempt")
    func stale() throws {
        let scene = try GatewayScene()
        scene.report(.processing(actor: "a"), "x")
        #expect(try scene.run { scene.count("progress", "accepted") == 1 })
        // The end of the stream and the next request cross on their way.
        scene.gateway.closeIdleConnections()
        scene.gateway.answer = { _ in .status(500) }
        scene.report(.processing(actor: "a"), "y")
        #expect(try scene.run { scene.count("progress", "failed") == 1 })
        #expect(scene.gateway.requests.count == 1 + 5, "all five attempts reached the gateway")
    }

    @Test("waiting ends at once without reports, and after the first attempt with them")
    func attempted() throws {
        let scene = try GatewayScene()
        var isDone = false
        scene.reporter.whenReportsAttempted(id: "x") { isDone = true }
        #expect(isDone)
        scene.gateway.answer = { _ in .status(500) }
        scene.report(.processing(actor: "a"), "x")
        isDone = false
        scene.reporter.whenReportsAttempted(id: "x") { isDone = true }
        #expect(!isDone)
        #expect(try scene.run { isDone })
        #expect(scene.gateway.requests.count == 1)
    }

    @Test("waiting for a gateway that hangs ends after a second, and nobody waits again until it answers")
    func hanging() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .hang }
        scene.reportHop("x")
        var isDone = false
        let start = scene.driver.loop.now
        scene.reporter.whenReportsAttempted(id: "x") { isDone = true }
        #expect(try scene.run { isDone })
        #expect(scene.driver.loop.now - start >= .milliseconds(990))
        #expect(scene.driver.loop.now - start < GatewayClient.requestLimit - .seconds(1))
        scene.reportHop("y")
        isDone = false
        scene.reporter.whenReportsAttempted(id: "y") { isDone = true }
        #expect(isDone)
        // After its own limit of five seconds each request is given up, and things go on.
        scene.gateway.answer = { _ in .status(200) }
        #expect(try scene.run { scene.reporter.pendingReportCount == 0 })
    }

    @Test("an orderly end waits for what is queued, not for a gateway that fails")
    func idle() throws {
        let scene = try GatewayScene()
        for number in 0..<50 { scene.reportHop("x\(number)") }
        var isDone = false
        scene.reporter.whenIdle(limit: .seconds(3)) { isDone = true }
        #expect(!isDone)
        #expect(try scene.run { isDone })
        #expect(scene.gateway.requests.count == 150)
    }

    @Test("abandoning answers everybody at once")
    func abandon() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .hang }
        scene.reportHop("x")
        var events: [String] = []
        scene.reporter.whenReportsAttempted(id: "x") { events.append("attempted") }
        scene.reporter.registerChildren(
            [ChildRegistration(id: "c", parentID: "x", actorsJSON: [], currentIndex: 0)]
        ) { events.append("children") }
        scene.reporter.reportFinal(FinalReport(id: "x", status: .timedOut)) { events.append("final \($0)") }
        try scene.run(for: .milliseconds(50))
        scene.reporter.abandon()
        #expect(events == ["attempted", "children", "final unreachable"])
        scene.reportHop("y")
        scene.reporter.reportFinal(FinalReport(id: "y", status: .timedOut)) { events.append("late \($0)") }
        #expect(events.last == "late unreachable")
        try scene.run(for: .milliseconds(50))
        #expect(events.count == 4)
    }
}

@Suite struct ChildRegistrationTests {
    private func children(_ count: Int) -> [ChildRegistration] {
        (1...count).map {
            ChildRegistration(id: "x-\($0)", parentID: "x", actorsJSON: Array(#"["a"]"#.utf8), currentIndex: 0)
        }
    }

    @Test("children are registered several at a time, once each", arguments: [200, 201, 500])
    func register(status: Int) throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .status(status) }
        var doneCount = 0
        scene.reporter.registerChildren(self.children(50)) { doneCount += 1 }
        #expect(doneCount == 0)
        #expect(try scene.run { doneCount == 1 })
        #expect(scene.gateway.requests.count == 50)
        #expect(Set(scene.gateway.requests.map(\.body)).count == 50)
        #expect(scene.gateway.requests.allSatisfy { $0.path == "/base/envelopes" && $0.method == "POST" })
        #expect(scene.gateway.largestConnectionCount > 1 && scene.gateway.acceptedCount <= 4)
        #expect(scene.count("child", status == 500 ? "failed" : "accepted") == 50)
    }

    @Test("without children there is nothing to wait for")
    func none() throws {
        let scene = try GatewayScene()
        var isDone = false
        scene.reporter.registerChildren([]) { isDone = true }
        #expect(isDone)
    }

    @Test("the whole registration ends after five seconds")
    func hanging() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .hang }
        var isDone = false
        let start = scene.driver.loop.now
        scene.reporter.registerChildren(self.children(10)) { isDone = true }
        #expect(try scene.run { isDone })
        #expect(scene.driver.loop.now - start >= .milliseconds(4900))
        #expect(scene.driver.loop.now - start < .seconds(9), "not five seconds for each round of requests")
    }

    @Test("hanging progress reports leave a connection to children and final statuses")
    func reserve() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { $0.kind == "progress" ? .hang : .status(201) }
        for number in 0..<20 { scene.reportHop("p\(number)") }
        try scene.run(for: .milliseconds(50))
        var doneCount = 0
        scene.reporter.registerChildren(self.children(3)) { doneCount += 1 }
        scene.reporter.reportFinal(FinalReport(id: "x", status: .timedOut)) { if $0 == .accepted { doneCount += 1 } }
        let start = scene.driver.loop.now
        #expect(try scene.run { doneCount == 2 })
        #expect(scene.driver.loop.now - start < GatewayClient.requestLimit - .seconds(1))
    }
}

@Suite struct FinalDeliveryTests {
    @Test("2xx is accepted", arguments: [200, 204])
    func accepted(status: Int) throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in
            status == 204 ? .raw("HTTP/1.1 204 No Content\r\n\r\n", closes: false) : .status(status)
        }
        var outcome: FinalReportOutcome?
        scene.reporter.reportFinal(FinalReport(id: "a/b", status: .succeeded(resultJSON: Array("{}".utf8)))) {
            outcome = $0
        }
        #expect(try scene.run { outcome == .accepted })
        #expect(scene.gateway.requests.map(\.path) == ["/base/envelopes/a%2Fb/final"])
        #expect(scene.count("final", "accepted") == 1)
    }

    @Test("three refusals are a rejection")
    func rejected() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .status(404) }
        var outcome: FinalReportOutcome?
        scene.reporter.reportFinal(FinalReport(id: "x", status: .timedOut)) { outcome = $0 }
        #expect(try scene.run { outcome == .rejected })
        #expect(scene.gateway.requests.count == 3)
        #expect(scene.count("final", "rejected") == 1)
    }

    @Test("a gateway that is away for a while gets the status when it is back")
    func comesBack() throws {
        let scene = try GatewayScene()
        try scene.gateway.stop()
        var outcome: FinalReportOutcome?
        scene.reporter.reportFinal(FinalReport(id: "x", status: .timedOut)) { outcome = $0 }
        try scene.run(for: .milliseconds(700))
        #expect(outcome == nil)
        scene.gateway.answer = { [unowned gateway = scene.gateway] _ in
            gateway.requests.count == 1 ? .status(503) : .status(200)
        }
        try scene.gateway.start()
        #expect(try scene.run { outcome == .accepted })
        #expect(scene.gateway.requests.count == 2)
    }

    @Test("a single attempt ends within its limit")
    func single() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .hang }
        var outcome: FinalReportOutcome?
        let start = scene.driver.loop.now
        scene.reporter.reportFinal(
            FinalReport(id: "x", status: .timedOut, singleAttemptLimit: .milliseconds(300))
        ) { outcome = $0 }
        #expect(try scene.run { outcome == .unreachable })
        #expect(scene.driver.loop.now - start < GatewayClient.requestLimit - .seconds(1))
    }

    @Test("at a shutdown a gateway that hangs costs five seconds, for reports before and after its beginning")
    func shutdown() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .hang }
        var outcomes: [FinalReportOutcome] = []
        scene.reporter.reportFinal(FinalReport(id: "x", status: .timedOut)) { outcomes.append($0) }
        try scene.run(for: .milliseconds(50))
        let start = scene.driver.loop.now
        scene.reporter.hurry()
        scene.reporter.reportFinal(FinalReport(id: "y", status: .timedOut)) { outcomes.append($0) }
        #expect(try scene.run(limit: .seconds(15)) { outcomes.count == 2 })
        #expect(outcomes == [.unreachable, .unreachable])
        #expect(scene.driver.loop.now - start < .seconds(12), "30 seconds otherwise")
    }

    @Test("large results arrive whole")
    func large() throws {
        let scene = try GatewayScene()
        let result = Array(("\"" + String(repeating: "r", count: 3_000_000) + "\"").utf8)
        var outcome: FinalReportOutcome?
        scene.reporter.reportFinal(FinalReport(id: "x", status: .succeeded(resultJSON: result))) { outcome = $0 }
        #expect(try scene.run { outcome == .accepted })
        #expect(scene.gateway.requests.first?.body.utf8.count ?? 0 > 3_000_000)
    }

    @Test("many final statuses at once share the connections and do not spin")
    func many() throws {
        let scene = try GatewayScene()
        var doneCount = 0
        for number in 0..<100 {
            scene.reporter.reportFinal(FinalReport(id: "x\(number)", status: .timedOut)) { _ in doneCount += 1 }
        }
        #expect(try scene.run { doneCount == 100 })
        #expect(scene.gateway.acceptedCount <= 4)
    }
}

@Suite struct GatewayCheckTests {
    @Test("a healthy gateway is found at the first attempt")
    func healthy() throws {
        let scene = try GatewayScene()
        var isUp: Bool?
        let check = GatewayCheck(reporter: scene.reporter, timeout: .seconds(3)) { isUp = $0 }
        #expect(isUp == nil)
        #expect(try scene.run { isUp == true })
        #expect(scene.gateway.requests.map(\.path) == ["/base/health"])
        withExtendedLifetime(check) {}
    }

    @Test("anything but 200 is tried again until the time is over")
    func unhealthy() throws {
        let scene = try GatewayScene()
        scene.gateway.answer = { _ in .status(204) }
        var isUp: Bool?
        let start = scene.driver.loop.now
        let check = GatewayCheck(reporter: scene.reporter, timeout: .milliseconds(2500)) { isUp = $0 }
        scene.gateway.answer = { _ in .status(503) }
        #expect(try scene.run { isUp == false })
        // Attempts at 0, 0.5 and 1.5 s; the next one, at 3.5 s, would be too late and is not waited for.
        #expect(scene.gateway.requests.count == 3)
        #expect(scene.driver.loop.now - start < .milliseconds(2500))
        withExtendedLifetime(check) {}
    }

    @Test("a gateway that starts later is found, and a forgotten check is silent")
    func later() throws {
        let scene = try GatewayScene()
        try scene.gateway.stop()
        var isUp: Bool?
        var check: GatewayCheck? = GatewayCheck(reporter: scene.reporter, timeout: .seconds(10)) { isUp = $0 }
        try scene.run(for: .milliseconds(300))
        try scene.gateway.start()
        #expect(try scene.run { isUp == true })
        isUp = nil
        check = GatewayCheck(reporter: scene.reporter, timeout: .seconds(10)) { isUp = $0 }
        check = nil
        try scene.run(for: .milliseconds(100))
        #expect(isUp == nil && check == nil)
    }
}
