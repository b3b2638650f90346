import Glibc
import Support
import Testing

@testable import Up

@Suite struct OutputTests {
    static func status(_ name: String, _ condition: ActorStatus.Condition = .running, queued: Int = 0) -> ActorStatus {
        ActorStatus(
            name: name,
            condition: condition,
            ready: 1,
            desired: 2,
            depth: QueueDepth(queued: queued, inFlight: 1),
            done: 7,
            donePerSecond: 1.25,
            errors: 1
        )
    }

    @Test("lines come out whole, whichever way their bytes arrive")
    func splitting() {
        let bytes = Array("one\ntwo\r\n\nthree".utf8)
        for cut in 0...bytes.count {
            var splitter = LineSplitter()
            let lines = splitter.append(bytes[..<cut]) + splitter.append(bytes[cut...])
            #expect(lines.map { String(decoding: $0, as: UTF8.self) } == ["one", "two", ""])
            #expect(splitter.hasPartialLine)
            #expect(splitter.flush() == Array("three".utf8))
            #expect(splitter.flush() == nil)
        }
    }

    @Test("a line without end is cut at the limit")
    func bound() {
        var splitter = LineSplitter()
        let lines = splitter.append(repeatElement(UInt8(ascii: "x"), count: LineSplitter.lineByteLimit * 2 + 1))
        #expect(lines.map(\.count) == [LineSplitter.lineByteLimit, LineSplitter.lineByteLimit])
        #expect(splitter.flush()?.count == 1)
    }

    @Test(
        "nothing in a line moves the cursor; colours stay where there are colours",
        arguments: [
            ("plain ü", "plain ü", "plain ü"), ("a\tb", "a\tb", "a\tb"), ("50%\r100%", "50%100%", "50%100%"),
            ("\u{1B}[31mred\u{1B}[0m", "\u{1B}[31mred\u{1B}[0m\u{1B}[0m", "red"), ("\u{1B}[2Jgone", "gone", "gone"),
            ("\u{1B}[1A\u{07}x\u{1B}", "x", "x"), ("\u{1B}[3", "", ""), ("\u{1B}cx", "x", "x"),
        ]
    )
    func sanitising(line: String, coloured: String, plain: String) {
        #expect(LogText.shown(Array(line.utf8), keepsColours: true) == coloured)
        #expect(LogText.shown(Array(line.utf8), keepsColours: false) == plain)
    }

    @Test("the table fits the terminal, whatever its size", arguments: [(80, 24), (20, 3), (8, 2), (200, 2), (7, 9)])
    func tableFits(width: Int, height: Int) {
        let table = StatusTable(statuses: (0..<5).map { Self.status("actor-with-a-long-name-\($0)", queued: 123_456) })
        let lines = table.lines(width: width, height: height, style: .plain)
        #expect(lines.count <= height)
        #expect(lines.allSatisfy { $0.count <= width })
        if width >= 8, height == 3 { #expect(lines.last == String("… and 4 more actors".prefix(width))) }
    }

    @Test("the table has one line per actor under its heading")
    func table() {
        let lines = StatusTable(statuses: [Self.status("a"), Self.status("bb", .crashLoop, queued: 10)])
            .lines(width: 100, height: 10, style: .plain)
        #expect(
            lines == [
                "ACTOR  REPLICAS  QUEUED  IN FLIGHT  DONE  DONE/S  ERRORS  STATE",
                "a           1/2       0          1     7     1.3       1  running",
                "bb          1/2      10          1     7     1.3       1  crash loop",
            ]
        )
    }

    @Test("the gateway has the last line of the table, and gives it up when there is no room")
    func gatewayLine() {
        let gateway = GatewayStatus(url: "http://127.0.0.1:8089", condition: .running)
        let table = StatusTable(statuses: [Self.status("a"), Self.status("b")], gateway: gateway)
        let lines = table.lines(width: 100, height: 10, style: .plain)
        #expect(lines.count == 4 && lines[3] == "gateway http://127.0.0.1:8089  running")
        let short = table.lines(width: 100, height: 3, style: .plain)
        #expect(short.count == 3 && short[1] == "… and 2 more actors" && short[2].hasPrefix("gateway"))
        #expect(table.lines(width: 100, height: 2, style: .plain).last == "… and 2 more actors")
    }

    @Test(
        "rates are short",
        arguments: [(0, "0"), (0.01, "<0.1"), (0.25, "0.3"), (9.94, "9.9"), (9.96, "10"), (1234.5, "1235")]
    )
    func rates(value: Double, text: String) {
        #expect(StatusTable.rate(value) == text)
    }

    static let pair = PairID(actor: "a", index: 2)
    static let events: [(UpEvent, [String], String)] = [
        (.notice(.error, "no \"x\""), ["[-] no \"x\""], #""event":"notice","severity":"error","message":"no \"x\"""#),
        (
            .log(.pair(pair, .runtime), line: Array("hello".utf8)), ["a.2 | hello"],
            #""event":"log","actor":"a","replica":2,"process":"runtime","line":"hello""#
        ),
        (
            .log(.gateway, line: Array("hello".utf8)), ["gateway | hello"],
            #""event":"log","process":"gateway","line":"hello""#
        ),
        (
            .gatewayReady(url: "http://h:1", process: 13, isFirst: false),
            ["[+] the gateway answers again at http://h:1"],
            #""event":"gatewayReady","url":"http://h:1","gatewayProcess":13"#
        ),
        (
            .gatewayFailed(.signalled(9), retryAfter: .milliseconds(200), isCrashLoop: false),
            [
                "[!] the gateway ended (killed by signal 9 (SIGKILL; was there too little memory?));"
                    + " next start in 200ms"
            ],
            #""event":"gatewayFailed","reason":"killed by signal 9 (SIGKILL; was there too little memory?)","#
                + #""retryAfterSeconds":0.2,"crashLoop":false"#
        ),
        (
            .scaled(actor: "a", from: 0, to: 8, depth: QueueDepth(queued: 500, inFlight: 0)),
            ["[.] a: 0 → 8 replicas (500 queued, 0 in flight)"],
            #""event":"scaled","actor":"a","from":0,"to":8,"queued":500,"inFlight":0"#
        ),
        (
            .started(actorCount: 3, place: "/s/queue.db", milliseconds: 4),
            ["[.] 3 actors, queues in /s/queue.db, set up in 4 ms; Ctrl-C ends in order"],
            #""event":"started","actors":3,"queues":"/s/queue.db","milliseconds":4"#
        ),
        (
            .ready(pair, sidecar: 11, runtime: 12), ["[+] a.2 is ready"],
            #""event":"ready","actor":"a","replica":2,"sidecarProcess":11,"runtimeProcess":12"#
        ),
        (
            .failed(pair, .runtime, .exited(1), retryAfter: .milliseconds(500), isCrashLoop: true),
            [
                "[-] a.2: the runtime ended (exit status 1: the handler could not be loaded, see the lines above),"
                    + " crash loop; next start in 500ms"
            ],
            #""event":"failed","actor":"a","replica":2,"process":"runtime","reason":"exit status 1","#
                + #""retryAfterSeconds":0.5,"crashLoop":true"#
        ),
        (
            .drainTimedOut(pair),
            ["[!] a.2 did not finish its message in time and is killed; the message goes back to the queue"],
            #""event":"drainTimedOut","actor":"a","replica":2"#
        ),
        (
            .status([status("a")], GatewayStatus(url: "http://h:1", condition: .notReady)),
            ["[.] a: 1/2 replicas, 0 queued, 1 in flight, 7 done (1.3/s), 1 errors"],
            #""event":"status","actors":[{"actor":"a","state":"running","ready":1,"desired":2,"queued":0,"#
                + #""inFlight":1,"done":7,"donePerSecond":1.25,"errors":1}],"#
                + #""gateway":{"url":"http://h:1","state":"not ready"}"#
        ),
    ]

    @Test("every event has lines for people and one JSON object", arguments: events)
    func texts(event: UpEvent, lines: [String], members: String) {
        #expect(EventText(style: .plain, actors: ["a"]).lines(event) == lines)
        let json = String(decoding: EventJSON.line(event, time: "T"), as: UTF8.self)
        #expect(json == #"{"time":"T",\#(members)}"#)
        #expect(throws: Never.self) { try JSONValue(parsing: json) }
    }

    @Test("exit statuses say what happened")
    func exits() {
        #expect(ProcessEnd(waitStatus: 0x0100) == .exited(1))
        #expect(ProcessEnd(waitStatus: 0) == .exited(0))
        #expect(ProcessEnd(waitStatus: 9) == .signalled(SIGKILL))
        #expect(ProcessEnd(waitStatus: 0x8B) == .signalled(SIGSEGV), "with a core dump")
        #expect(ProcessEnd.signalled(SIGKILL).text.contains("SIGKILL"))
        #expect(ProcessEnd.notStarted(ENOENT).text == "could not be started: No such file or directory")
    }
}
