import Support

/// Events as lines for people.
struct EventText: Sendable {
    var style: TextStyle
    /// Actors in the order of the manifests: it gives them their colours.
    var actors: [String]
    /// Columns of a log prefix; names that are longer push their line to the right.
    var prefixWidth: Int

    init(style: TextStyle, actors: [String]) {
        self.style = style
        self.actors = actors
        let longest = actors.map(\.count).max() ?? 0
        self.prefixWidth = min(longest, 24) + 2
    }

    /// The lines of an event without their ends. Status has one line per actor that is not at rest.
    func lines(_ event: UpEvent) -> [String] {
        switch event {
        case .notice(let severity, let text):
            [self.marker(severity) + " " + text]
        case .log(let source, let line):
            [self.prefix(source) + LogText.shown(line, keepsColours: self.style.hasColours)]
        case .scaled(let actor, let from, let to, let depth):
            ["[.] \(actor): \(from) → \(to) replicas (\(depth.queued) queued, \(depth.inFlight) in flight)"]
        case .started(let actorCount, let place, let milliseconds):
            [
                "[.] \(actorCount) actor\(actorCount == 1 ? "" : "s"), queues in \(place), set up in \(milliseconds) ms;"
                    + " Ctrl-C ends in order"
            ]
        case .ready(let pair, _, _):
            ["[+] \(pair.text) is ready"]
        case .failed(let pair, let role, let status, let delay, let isCrashLoop):
            [self.failure(pair, role, status, delay: delay, isCrashLoop: isCrashLoop)]
        case .drainTimedOut(let pair):
            [
                self.marker(.warning) + " \(pair.text) did not finish its message in time and is killed;"
                    + " the message goes back to the queue"
            ]
        case .gatewayReady(let url, _, let isFirst):
            isFirst ? self.introduction(of: url) : ["[+] the gateway answers again at \(url)"]
        case .gatewayFailed(let status, let delay, let isCrashLoop):
            [
                self.marker(isCrashLoop ? .error : .warning)
                    + " the gateway ended (\(status.text))\(isCrashLoop ? ", crash loop" : "");"
                    + " next start in \(GoDuration(delay))"
            ]
        case .status(let statuses, _):
            statuses.filter { !$0.isAtRest }.map(Self.statusLine)
        }
    }

    /// For instance `[.] word-counter: 2/8 replicas, 312 queued, 2 in flight, 40 done (9.5/s), 0 errors`.
    static func statusLine(_ status: ActorStatus) -> String {
        "[.] \(status.name): \(status.ready)/\(status.desired) replicas, \(status.depth.queued) queued,"
            + " \(status.depth.inFlight) in flight, \(status.done) done"
            + " (\(StatusTable.rate(status.donePerSecond))/s), \(status.errors) errors"
            + (status.condition == .running ? "" : ", \(status.condition.word)")
    }

    private func introduction(of url: String) -> [String] {
        [
            "[+] the gateway is ready: \(url) is a page with envelopes and tools;"
                + " asya mcp list, asya mcp call TOOL --name=value; MCP clients use \(url)/mcp"
        ]
    }

    private func prefix(_ source: LogSource) -> String {
        switch source {
        case .pair(let pair, _):
            return self.prefix(pair.text, colour: self.actors.firstIndex(of: pair.actor) ?? self.actors.count)
        case .gateway: return self.prefix("gateway", colour: self.actors.count)
        }
    }

    private func prefix(_ name: String, colour: Int) -> String {
        let padding = String(repeating: " ", count: max(self.prefixWidth - name.count, 0))
        return self.style.actor(colour, name + padding + " |") + " "
    }

    private func marker(_ severity: UpEvent.Severity) -> String {
        switch severity {
        case .information: "[.]"
        case .success: "[+]"
        case .warning: self.style.yellow("[!]")
        case .error: self.style.red("[-]")
        }
    }

    private func failure(
        _ pair: PairID,
        _ role: PairRole,
        _ status: ProcessEnd,
        delay: Duration,
        isCrashLoop: Bool
    ) -> String {
        let loop = isCrashLoop ? ", crash loop" : ""
        let explanation = Self.explanation(of: status, role: role)
        return self.marker(isCrashLoop ? .error : .warning)
            + " \(pair.text): the \(role.rawValue) ended (\(status.text)\(explanation))\(loop);"
            + " next start in \(GoDuration(delay))"
    }

    /// What a status of our own programs means (`sidecar.md` section 12, `runtime.md` section 8).
    private static func explanation(of status: ProcessEnd, role: PairRole) -> String {
        guard case .exited(1) = status else { return "" }
        switch role {
        case .sidecar: return ": a handler ran past its timeout, or see the lines above"
        case .runtime: return ": the handler could not be loaded, see the lines above"
        }
    }
}

extension ActorStatus {
    /// Nothing runs, waits or is to be done.
    var isAtRest: Bool { self.condition == .atZero && self.depth == .zero }
}
