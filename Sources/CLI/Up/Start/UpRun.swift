import CProcess
import Glibc
import LocalStore
import Logging
import QueueClient
import Support

/// One run with everything decided: takes the lock, makes the queues, runs the supervisor, and says what is left.
struct UpRun {
    private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGWINCH]

    var options: UpOptions
    var plans: [ActorPlan]
    var warnings: [String]
    var toolkit: Toolkit
    var gpuCount: Int?
    var gatewaySetup: GatewaySetup
    var gatewayChoice: GatewaySetup.Choice
    var environment: [String: String]

    func run() throws(UpError) -> Up.Outcome {
        let started = MonotonicClock.now
        let lock = try InstanceLock(directory: self.options.place.folder)
        defer { withExtendedLifetime(lock) {} }
        let console = Console(
            format: self.options.writesJSON ? .json : .text,
            actors: self.plans.map(\.name),
            environment: self.environment
        )
        for warning in self.warnings { console.emit(.notice(.warning, warning)) }
        if case .missing(let reason) = self.gatewayChoice { console.emit(.notice(.information, reason)) }
        signal(SIGPIPE, SIG_IGN)
        let monitor = try self.makeMonitor()
        defer { monitor.close() }
        let queues = self.plans.map(\.queueName)
        try monitor.create(queues)
        let gateway = try self.gatewaySetup.gateway(self.gatewayChoice, plans: self.plans)
        // Not before: Ctrl-C ends a program that waits for a broker in the usual way.
        let signals = cprocess_signal_pipe(Self.signals, Int32(Self.signals.count))
        guard signals >= 0 else { throw UpError("cannot watch signals: \(String(cString: strerror(-signals)))") }
        let supervisor = Supervisor(
            settings: Supervisor.Settings(
                toolkit: self.toolkit,
                stateDirectory: self.options.place.folder,
                socketFolder: try self.makeSocketFolder(),
                gpuCount: self.gpuCount,
                watchesCode: self.options.watches
            ),
            plans: self.plans,
            gateway: gateway,
            monitor: monitor,
            console: console,
            signals: signals
        )
        self.announce(to: console, queues: queues, monitor: monitor, started: started)
        supervisor.run()
        self.sayGoodbye(to: console, monitor: monitor)
        if let failure = supervisor.failure { throw failure }
        return supervisor.stopRequests > 1 ? .interrupted : .done
    }

    private func announce(to console: Console, queues: [String], monitor: any QueueMonitor, started: Duration) {
        let own = self.plans.count { !$0.isBuiltIn }
        let place = self.options.transport == .embedded ? self.options.place.file : self.options.transport.rawValue
        let milliseconds = Int((MonotonicClock.now - started) / .milliseconds(1))
        console.emit(.started(actorCount: own, place: place, milliseconds: milliseconds))
        let left = self.messages(in: queues, monitor: monitor)
        if !left.isEmpty { console.emit(.notice(.information, "still queued from before: \(left)")) }
    }

    private func sayGoodbye(to console: Console, monitor: any QueueMonitor) {
        let left = self.messages(in: self.plans.map(\.queueName), monitor: monitor)
        let text = left.isEmpty ? "stopped; all queues are empty" : "stopped; still queued: \(left). asya up goes on"
        console.emit(.notice(.success, text))
        console.flush()
    }

    /// For instance `infer 12, judge 3`; empty when nothing waits or nothing can be known.
    private func messages(in queues: [String], monitor: any QueueMonitor) -> String {
        guard let readings = try? monitor.readings(of: queues) else { return "" }
        return zip(self.plans, readings)
            .map { (name: $0.name, count: $1.queued + ($1.inFlight ?? 0)) }
            .filter { $0.count > 0 }
            .map { "\($0.name) \($0.count)" }
            .joined(separator: ", ")
    }

    private func makeSocketFolder() throws(UpError) -> String {
        let state = self.options.place.folder
        let short = self.environment["XDG_RUNTIME_DIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let folder = SocketPlace.folder(
            stateDirectory: state,
            shortFolder: short,
            key: SocketPlace.key(of: state),
            actors: self.plans.map(\.name)
        )
        if mkdir(folder, 0o700) == 0 { return folder }
        let reason = errno
        var information = stat()
        // In a folder that everybody may write to, a stranger could have made it first.
        guard reason == EEXIST, lstat(folder, &information) == 0, information.st_mode & S_IFMT == S_IFDIR,
            information.st_uid == geteuid()
        else { throw UpError("cannot make the folder \(folder) for sockets: \(String(cString: strerror(reason)))") }
        return folder
    }

    private func rabbitMQ() throws(UpError) -> RabbitMQAdministration {
        do throws(QueueClientError) {
            let configuration = try RabbitMQClientConfiguration.resolved(
                environment: EnvironmentReader(self.environment),
                connectionName: "asya-up"
            )
            return try RabbitMQAdministration(configuration: configuration)
        } catch {
            throw UpError("\(error)")
        }
    }

    /// One dead-letter queue that all actors share, as the operator makes it.
    private static let sqsDeadLetters = DeadLetterDefinition(
        queueName: "asya-dlq",
        maximumReceiveCount: EmbeddedMonitor.maxRetryCount,
        retentionDays: 14
    )

    private func sqs() throws(UpError) -> SQSAdministration {
        do throws(QueueClientError) {
            let configuration = try SQSClientConfiguration.resolved(environment: EnvironmentReader(self.environment))
            return SQSAdministration(configuration: configuration, logger: Logger(label: "asya.up"))
        } catch {
            throw UpError("\(error)")
        }
    }

    private func makeMonitor() throws(UpError) -> any QueueMonitor {
        switch self.options.transport {
        case .embedded: return try EmbeddedMonitor(path: self.options.place.file)
        case .rabbitmq: return BrokerMonitor(try self.rabbitMQ()) { DeadLetterDefinition(queueName: "\($0)-dlq") }
        case .sqs: return BrokerMonitor(try self.sqs()) { _ in Self.sqsDeadLetters }
        }
    }
}
