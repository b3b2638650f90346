import Glibc
import LocalStore

/// The gateway that runs beside the actors: its life, its process, and the file that tells others where it is.
final class GatewayRun {
    /// What may take the place of the tools that `plan` has, while code is watched.
    struct ToolsWatch {
        /// Files that somebody may write; the first that is there counts.
        var places: [String]
        /// The one that counts without them.
        var generatedPath: String
    }

    var plan: GatewayPlan
    let place: StorePlace
    /// Nil when somebody has said which tools there are.
    let toolsWatch: ToolsWatch?
    var life = GatewayLifecycle()
    var process: ChildProcess?
    /// What this process calls itself in its answers; a new one for each.
    private(set) var instance = ""
    /// When a starting one is asked again whether it is ready.
    var nextLook: Duration?
    /// Whether the last answer of a running one was that it is ready.
    var isHealthy = true
    /// Since when it has left questions without an answer; nil when it has answered the last one.
    var silentSince: Duration?
    /// Whether it has been ready in this run.
    private(set) var wasReady = false

    init(plan: GatewayPlan, place: StorePlace, toolsWatch: ToolsWatch?) {
        self.plan = plan
        self.place = place
        self.toolsWatch = toolsWatch
    }

    /// Nil for one that does not start: sidecars wait for theirs, and pipelines need none.
    var urlForSidecars: String? { self.life.isCrashLooping ? nil : self.plan.url }

    var status: GatewayStatus {
        let condition: GatewayStatus.Condition =
            switch self.life.phase {
            case .idle, .starting, .backingOff, .restarting: self.life.isCrashLooping ? .crashLoop : .starting
            case .ready: self.isHealthy ? .running : .notReady
            case .stopping: .stopping
            case .stopped: .stopped
            }
        return GatewayStatus(url: self.plan.url, condition: condition)
    }

    /// Nothing about it is about to change.
    var isAtRest: Bool {
        switch self.status.condition {
        case .running, .stopped, .crashLoop: true
        case .starting, .notReady, .stopping: false
        }
    }

    /// It has neither answered nor failed yet.
    var isFirstStart: Bool { !self.wasReady && self.life.failureCount == 0 }

    /// The command of the next process.
    func nextCommand() -> ProcessCommand {
        self.instance = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return self.plan.command(in: self.place.folder, instance: self.instance)
    }

    /// Takes note that it is ready; true for the first time.
    func noteReady() -> Bool {
        defer { self.wasReady = true }
        return !self.wasReady
    }

    private var addressFile: String { "\(self.place.folder)/\(RunningGateway.fileName)" }

    /// Tells other commands where it is.
    func announce() throws(UpError) {
        let gateway = RunningGateway(url: self.plan.url, process: getpid())
        try WholeFile.write(gateway.document, toFile: self.addressFile)
    }

    func withdraw() {
        unlink(self.addressFile)
    }
}
