import Support

/// Events as JSON, one object per line with a member `event`.
enum EventJSON {
    /// The line without its end.
    static func line(_ event: UpEvent, time: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("time", time)
        switch event {
        case .notice(let severity, let text):
            writer.member("event", "notice")
            writer.member("severity", severity.rawValue)
            writer.member("message", text)
        case .log(let source, let line):
            writer.member("event", "log")
            writer.members(of: source)
            writer.member("line", LogText.shown(line, keepsColours: false))
        case .scaled(let actor, let from, let to, let depth):
            writer.member("event", "scaled")
            writer.member("actor", actor)
            writer.member("from", from)
            writer.member("to", to)
            writer.members(of: depth)
        case .started(let actorCount, let place, let milliseconds):
            writer.member("event", "started")
            writer.member("actors", actorCount)
            writer.member("queues", place)
            writer.member("milliseconds", milliseconds)
        case .ready(let pair, let sidecar, let runtime):
            writer.member("event", "ready")
            writer.members(of: pair)
            writer.member("sidecarProcess", Int(sidecar))
            writer.member("runtimeProcess", Int(runtime))
        case .failed(let pair, let role, let status, let delay, let isCrashLoop):
            writer.member("event", "failed")
            writer.members(of: pair)
            writer.member("process", role.rawValue)
            writer.member("reason", status.text)
            writer.member("retryAfterSeconds", delay / .seconds(1))
            writer.name("crashLoop")
            writer.bool(isCrashLoop)
        case .drainTimedOut(let pair):
            writer.member("event", "drainTimedOut")
            writer.members(of: pair)
        case .gatewayReady(let url, let process, _):
            writer.member("event", "gatewayReady")
            writer.member("url", url)
            writer.member("gatewayProcess", Int(process))
        case .gatewayFailed(let status, let delay, let isCrashLoop):
            writer.member("event", "gatewayFailed")
            writer.member("reason", status.text)
            writer.member("retryAfterSeconds", delay / .seconds(1))
            writer.name("crashLoop")
            writer.bool(isCrashLoop)
        case .status(let statuses, let gateway):
            writer.member("event", "status")
            writer.name("actors")
            writer.beginArray()
            for status in statuses { writer.object(of: status) }
            writer.endArray()
            if let gateway {
                writer.name("gateway")
                writer.beginObject()
                writer.member("url", gateway.url)
                writer.member("state", gateway.condition.rawValue)
                writer.endObject()
            }
        }
        writer.endObject()
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ value: String) {
        self.name(name)
        self.string(value)
    }

    fileprivate mutating func member(_ name: String, _ value: Int) {
        self.name(name)
        self.integer(value)
    }

    fileprivate mutating func member(_ name: String, _ value: Double) {
        self.name(name)
        self.number(value)
    }

    fileprivate mutating func members(of pair: PairID) {
        self.member("actor", pair.actor)
        self.member("replica", pair.index)
    }

    fileprivate mutating func members(of source: LogSource) {
        switch source {
        case .pair(let pair, let role):
            self.members(of: pair)
            self.member("process", role.rawValue)
        case .gateway: self.member("process", "gateway")
        }
    }

    fileprivate mutating func members(of depth: QueueDepth) {
        self.member("queued", depth.queued)
        self.member("inFlight", depth.inFlight)
    }

    fileprivate mutating func object(of status: ActorStatus) {
        self.beginObject()
        self.member("actor", status.name)
        self.member("state", status.condition.word)
        self.member("ready", status.ready)
        self.member("desired", status.desired)
        self.members(of: status.depth)
        self.member("done", status.done)
        self.member("donePerSecond", (status.donePerSecond * 100).rounded() / 100)
        self.member("errors", status.errors)
        self.endObject()
    }
}
