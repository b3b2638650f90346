import Glibc

/// The part that carries out what the lives of the pairs decide.
extension Supervisor {
    /// A new pair, which starts as soon as it has the GPUs it needs.
    func createPair(_ actor: ActorRun, index: Int) {
        let id = PairID(actor: actor.plan.name, index: index)
        let pair = PairRun(
            id: id,
            generation: actor.generation,
            directory: SocketPlace.directory(
                folder: self.settings.socketFolder,
                stateDirectory: self.settings.stateDirectory,
                pair: id,
                actorNumber: actor.number
            ),
            limits: actor.limits
        )
        actor.pairs[index] = pair
        self.slots.request(id, count: actor.plan.gpuCount)
    }

    /// Starts the pairs whose GPUs are free.
    func grantSlots() {
        while let (id, devices) = self.slots.nextGrant() {
            guard let pair = self.actor(of: id)?.pairs[id.index] else {
                self.slots.release(id)
                continue
            }
            pair.devices = devices
            self.apply(pair.life.slotGranted(), to: pair)
        }
    }

    func apply(_ actions: [PairLifecycle.Action], to pair: PairRun) {
        for action in actions {
            switch action {
            case .start(let role): self.start(role, of: pair)
            case .terminate(let role): pair[role]?.terminate()
            case .kill(let role): pair[role]?.killGroup()
            case .reportFailure(let role, let end, let delay):
                self.console.emit(
                    .failed(pair.id, role, end, retryAfter: delay, isCrashLoop: pair.life.isCrashLooping)
                )
            case .reportDrainTimeout: self.console.emit(.drainTimedOut(pair.id))
            case .finish: self.remove(pair)
            }
        }
    }

    /// A runtime that listens makes its pair ready.
    func checkReadiness(_ pair: PairRun) {
        guard case .starting = pair.life.phase, pair.runtimeHasAnnounced else { return }
        pair.life.runtimeBecameReady(now: self.now)
        let processes = (pair.sidecar?.processID ?? 0, pair.runtime?.processID ?? 0)
        self.console.emit(.ready(pair.id, sidecar: processes.0, runtime: processes.1))
        self.refreshSoon()
    }

    /// A prompt, or a progress bar, is shown although its line has not ended.
    func showPartialLines() {
        for (source, process) in self.outputs where process.splitter.hasPartialLine {
            guard self.now >= process.lastOutput + Self.partialLineDelay else { continue }
            self.flushLine(of: process, source)
        }
    }

    /// Takes note of every process that has ended.
    func reapProcesses() {
        for pair in self.actors.flatMap(\.pairsInOrder) {
            for role in PairRole.allCases {
                guard let process = pair[role], let end = process.reap() else { continue }
                self.drainOutput(of: process, .pair(pair.id, role))
                pair[role] = nil
                if role == .sidecar { self.actor(of: pair.id)?.ledger.forget(pair.id) }
                self.apply(pair.life.ended(role, end, now: self.now), to: pair)
                self.refreshSoon()
            }
        }
    }

    func actor(of id: PairID) -> ActorRun? {
        self.actors.first { $0.plan.name == id.actor }
    }

    private func start(_ role: PairRole, of pair: PairRun) {
        guard let actor = self.actor(of: pair.id) else { return }
        if let number = pair.makeDirectory() {
            self.startFailed(role, of: pair, number: number)
            return
        }
        if role == .runtime {
            pair.removeAnnouncement()
            pair.runtimeStart = self.now
        } else {
            pair.metricsPort = LoopbackPort.free()
        }
        let commands = actor.plan.commands(
            toolkit: self.settings.toolkit,
            socketDirectory: pair.directory,
            devices: self.settings.gpuCount == nil ? nil : pair.devices,
            metricsPort: pair.metricsPort,
            gatewayURL: self.gateway?.urlForSidecars
        )
        do throws(ChildProcess.StartError) {
            pair[role] = try ChildProcess.start(role == .sidecar ? commands.sidecar : commands.runtime)
        } catch {
            self.startFailed(role, of: pair, number: error.number)
        }
    }

    private func startFailed(_ role: PairRole, of pair: PairRun, number: Int32) {
        self.apply(pair.life.ended(role, .notStarted(number), now: self.now), to: pair)
    }

    private func remove(_ pair: PairRun) {
        pair.removeDirectory()
        self.slots.release(pair.id)
        let actor = self.actor(of: pair.id)
        actor?.ledger.forget(pair.id)
        actor?.pairs[pair.id.index] = nil
        self.refreshSoon()
    }

    /// What a process wrote before it ended is often the reason.
    func drainOutput(of process: ChildProcess, _ source: LogSource) {
        // Bounded: a child that the process left behind may go on writing.
        for _ in 0..<16 where process.output >= 0 {
            let before = process.lastOutput
            let lines = process.readLines(now: self.now, into: &self.buffer)
            for line in lines { self.console.emit(.log(source, line: line)) }
            if lines.isEmpty, process.lastOutput == before { break }
        }
        self.flushLine(of: process, source)
        process.closeOutput()
    }

    private func flushLine(of process: ChildProcess, _ source: LogSource) {
        guard let line = process.flushLine() else { return }
        self.console.emit(.log(source, line: line))
    }
}
