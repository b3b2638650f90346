import Glibc
import LocalStore

/// The part that runs the gateway.
extension Supervisor {
    /// A starting gateway is asked this often whether it is ready.
    private static let gatewayInterval: Duration = .milliseconds(20)
    /// It takes a fraction of this.
    private static let gatewayPatience: Duration = .seconds(2)

    /// Sidecars look for the gateway when they start, and complain of one that is not there: the first pairs wait for
    /// it, for a moment.
    var waitsForGateway: Bool {
        guard let gateway = self.gateway, gateway.isFirstStart, !self.isClosing else { return false }
        return self.now < self.startTime + Self.gatewayPatience
    }

    func startGateway() {
        guard let gateway = self.gateway else { return }
        self.apply(gateway.life.begin(now: self.now), to: gateway)
    }

    /// Asks it to end; true when it has, or there is none.
    func stopGateway() -> Bool {
        guard let gateway = self.gateway else { return true }
        self.apply(gateway.life.stop(silentSince: gateway.silentSince, now: self.now), to: gateway)
        guard gateway.life.phase == .stopped else { return false }
        gateway.withdraw()
        return true
    }

    func forceStopGateway() {
        guard let gateway = self.gateway else { return }
        self.apply(gateway.life.forceStop(now: self.now), to: gateway)
    }

    /// Its deadlines, and whether a starting one has become ready.
    func lookAfterGateway() {
        guard let gateway = self.gateway else { return }
        self.apply(gateway.life.timePassed(now: self.now), to: gateway)
        guard case .starting = gateway.life.phase else {
            gateway.nextLook = nil
            return
        }
        guard let look = gateway.nextLook, self.now >= look else { return }
        self.ask(.gatewayReadiness, port: gateway.plan.port)
        gateway.nextLook = self.now + Self.gatewayInterval
    }

    /// Part of a look at everything.
    func askGateway() {
        guard let gateway = self.gateway, gateway.life.isReady else { return }
        self.ask(.gatewayReadiness, port: gateway.plan.port)
    }

    /// - Parameter answer: nil when there was none.
    func gatewayAnswered(_ answer: LoopbackRequest.Answer?) {
        guard let gateway = self.gateway, let process = gateway.process else { return }
        let ownAnswer = answer.flatMap { GatewayPlan.isAnswer($0.body, of: gateway.instance) ? $0 : nil }
        let isHealthy = ownAnswer?.status == 200
        self.note(gateway, isSilent: ownAnswer == nil)
        if gateway.life.isReady {
            gateway.isHealthy = isHealthy
        } else if isHealthy, gateway.life.becameReady(now: self.now) {
            gateway.isHealthy = true
            self.announce(gateway, process)
        }
    }

    /// One that hangs would keep sidecars from starting.
    private func note(_ gateway: GatewayRun, isSilent: Bool) {
        guard isSilent else {
            gateway.silentSince = nil
            return
        }
        let since = gateway.silentSince ?? self.now
        gateway.silentSince = since
        let actions = gateway.life.silent(since: since, now: self.now)
        guard !actions.isEmpty else { return }
        self.console.emit(.notice(.warning, "the gateway does not answer any more; it is killed and started again"))
        self.apply(actions, to: gateway)
    }

    /// Takes note of its end, which may be that of a lost race for its port.
    func reapGateway() {
        guard let gateway = self.gateway, let process = gateway.process, let end = process.reap() else { return }
        self.drainOutput(of: process, .gateway)
        gateway.process = nil
        let hasLostPort = gateway.life.isStarting && !LoopbackPort.isFree(gateway.plan.port)
        switch gateway.plan.portSource {
        case .ourselves where hasLostPort:
            self.apply(gateway.life.lostPort(end, now: self.now), to: gateway)
        case .named(let source) where hasLostPort && !gateway.wasReady:
            self.apply(gateway.life.ended(end, now: self.now), to: gateway)
            self.fail(UpError(GatewayPlan.portIsTaken(gateway.plan.port, source: source)))
        case .ourselves, .named:
            self.apply(gateway.life.ended(end, now: self.now), to: gateway)
        }
        self.refreshSoon()
    }

    /// Between the choice of a port and its use somebody else may take it.
    private func choosePortAgain(_ gateway: GatewayRun) {
        guard gateway.plan.portSource == .ourselves, !LoopbackPort.isFree(gateway.plan.port),
            let port = LoopbackPort.free(preferred: GatewayPlan.usualPort)
        else { return }
        let text = "port \(gateway.plan.port) is taken by another program; the gateway gets \(port)"
        self.console.emit(.notice(.information, text))
        gateway.withdraw()
        gateway.plan.port = port
        // Those that run report to the old one.
        for actor in self.actors { actor.generation += 1 }
    }

    /// A tools file that appears or goes while code is watched. The gateway itself sees changes inside of it.
    func watchTools() {
        guard let gateway = self.gateway, let watch = gateway.toolsWatch else { return }
        let path = watch.places.first { access($0, R_OK) == 0 } ?? watch.generatedPath
        guard path != gateway.plan.toolsPath else { return }
        gateway.plan.toolsPath = path
        self.console.emit(.notice(.information, "the gateway is started again with the tools of \(path)"))
        self.apply(gateway.life.restart(now: self.now), to: gateway)
    }

    private func announce(_ gateway: GatewayRun, _ process: ChildProcess) {
        let isFirst = gateway.noteReady()
        let url = gateway.plan.url
        self.console.emit(.gatewayReady(url: url, process: process.processID, isFirst: isFirst))
        do throws(UpError) {
            try gateway.announce()
        } catch {
            self.console.emit(.notice(.warning, "asya mcp needs --url \(url): \(error)"))
        }
        self.refreshSoon()
    }

    private func apply(_ actions: [GatewayLifecycle.Action], to gateway: GatewayRun) {
        for action in actions {
            switch action {
            case .start: self.start(gateway)
            case .terminate: gateway.process?.terminate()
            case .kill: gateway.process?.killGroup()
            case .reportFailure(let end, let delay):
                let isCrashLoop = gateway.life.failureCount >= gateway.life.limits.crashLoopCount
                self.console.emit(.gatewayFailed(end, retryAfter: delay, isCrashLoop: isCrashLoop))
            }
        }
    }

    private func start(_ gateway: GatewayRun) {
        gateway.nextLook = self.now + Self.gatewayInterval
        gateway.silentSince = nil
        self.choosePortAgain(gateway)
        self.requests.removeAll { $0.question == .gatewayReadiness }
        do throws(ChildProcess.StartError) {
            gateway.process = try ChildProcess.start(gateway.nextCommand())
        } catch {
            self.apply(gateway.life.ended(.notStarted(error.number), now: self.now), to: gateway)
        }
    }
}
