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
        self.apply(gateway.life.stop(now: self.now), to: gateway)
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
        let isHealthy = answer?.status == 200
        if gateway.life.isReady {
            gateway.isHealthy = isHealthy
        } else if isHealthy, gateway.life.becameReady(now: self.now) {
            gateway.isHealthy = true
            self.announce(gateway, process)
        }
    }

    func reapGateway() {
        guard let gateway = self.gateway, let process = gateway.process, let end = process.reap() else { return }
        self.drainOutput(of: process, .gateway)
        gateway.process = nil
        self.apply(gateway.life.ended(end, now: self.now), to: gateway)
        self.refreshSoon()
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
        do throws(ChildProcess.StartError) {
            gateway.process = try ChildProcess.start(gateway.plan.command(in: gateway.place.folder))
        } catch {
            self.apply(gateway.life.ended(.notStarted(error.number), now: self.now), to: gateway)
        }
    }
}
