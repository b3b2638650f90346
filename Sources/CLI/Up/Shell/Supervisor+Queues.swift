/// The part that looks at queues, counters and code.
extension Supervisor {
    /// Looks at the queues of the autoscalers whose time has come, and of those that will be due very soon.
    func observeDueQueues() {
        guard !self.isClosing else { return }
        let look = self.nextArrivalLook.map { $0 <= self.now } ?? false
        let isDue = look || self.actors.contains { $0.scaler.nextPoll.map { $0 <= self.now } ?? false }
        guard isDue else { return }
        if look { self.nextArrivalLook = self.now + Self.slowArrivalInterval }
        let soon = self.now + Self.pollSlack
        self.observe(
            self.actors.filter { actor in
                (look && actor.scaler.waitsForFirstMessage) || (actor.scaler.nextPoll.map { $0 <= soon } ?? false)
            }
        )
    }

    /// Tells the autoscalers of these actors how deep their queues are.
    func observe(_ actors: [ActorRun]) {
        guard !actors.isEmpty, self.read(actors) else { return }
        for actor in actors {
            let before = actor.scaler.desired
            let after = actor.scaler.observe(actor.depth, now: self.now)
            guard before != after else { continue }
            self.console.emit(.scaled(actor: actor.plan.name, from: before, to: after, depth: actor.depth))
            self.refreshSoon()
        }
    }

    /// Reads the queues of these actors; false when the transport cannot say, which is reported once.
    private func read(_ actors: [ActorRun]) -> Bool {
        do throws(UpError) {
            let readings = try self.monitor.readings(of: actors.map(\.plan.queueName))
            for (actor, reading) in zip(actors, readings) { actor.note(reading) }
            self.reportMonitorProblem(nil)
            return true
        } catch {
            self.reportMonitorProblem(error)
            // The next regular look comes anyway.
            for actor in actors { actor.scaler.postpone(now: self.now) }
            return false
        }
    }

    /// Waits for the first message of every actor that has no pair.
    func watchQueuesAtZero() {
        let queues = self.actors.filter { $0.scaler.waitsForFirstMessage }.map(\.plan.queueName)
        guard queues != self.watchedQueues else { return }
        self.monitor.watch(queues)
        self.watchedQueues = queues
        let looksByItself = self.monitor.isImmediate || queues.isEmpty
        self.nextArrivalLook = looksByItself ? nil : self.now + Self.slowArrivalInterval
        // A message may have come between the last look and the watch.
        if self.monitor.isImmediate { self.observe(self.actors.filter { queues.contains($0.plan.queueName) }) }
    }

    /// Asks for fresh numbers of everything; `showStatus` follows when they are there.
    func refresh() {
        _ = self.read(self.actors)
        self.scrape()
        self.askGateway()
        self.monitor.maintain()
        self.nextRefresh = nil
        self.showLatest = self.now + Self.answerTime
    }

    /// Shows the numbers, and decides when the next ones are wanted: never while everything rests.
    func showStatus() {
        self.showLatest = nil
        for actor in self.actors { actor.noteInFlight() }
        let statuses = self.actors.map { $0.status(now: self.now, isClosing: self.isClosing) }
        self.console.show(statuses, self.gateway?.status, now: self.now)
        let isAtRest =
            statuses.allSatisfy { $0.isAtRest && $0.donePerSecond == 0 } && self.gateway?.isAtRest ?? true
        guard !isAtRest else { return }
        let next = self.now + self.console.statusInterval
        self.nextRefresh = min(self.nextRefresh ?? next, next)
    }

    /// Asks every sidecar for its counters.
    private func scrape() {
        for actor in self.actors {
            let namespace = actor.plan.sidecarEnvironment["ASYA_METRICS_NAMESPACE"] ?? "asya_actor"
            for pair in actor.pairsInOrder where pair.sidecar != nil {
                if let port = pair.metricsPort { self.ask(.counters(pair.id, namespace: namespace), port: port) }
            }
        }
    }

    /// Asks, unless the same question is open.
    func ask(_ question: LoopbackRequest.Question, port: Int) {
        guard !self.requests.contains(where: { $0.question == question }) else { return }
        if let request = LoopbackRequest(question, port: port, now: self.now) { self.requests.append(request) }
    }

    func proceed(_ request: LoopbackRequest) {
        switch request.proceed(buffer: &self.buffer) {
        case .waiting: return
        case .failed: self.answered(request.question, nil)
        case .finished(let answer): self.answered(request.question, answer)
        }
        self.requests.removeAll { $0 === request }
    }

    func dropLateRequests() {
        for request in self.requests where request.deadline <= self.now { self.answered(request.question, nil) }
        self.requests.removeAll { $0.deadline <= self.now }
    }

    /// - Parameter answer: nil when there was none.
    private func answered(_ question: LoopbackRequest.Question, _ answer: LoopbackRequest.Answer?) {
        switch question {
        case .gatewayReadiness: self.gatewayAnswered(answer)
        case .counters(let pair, let namespace):
            guard let answer, answer.status == 200, let actor = self.actor(of: pair),
                actor.pairs[pair.index]?.sidecar != nil
            else { return }
            actor.ledger.note(MetricsSample(page: answer.body, namespace: namespace), of: pair)
        }
    }

    /// The code as it is at the start: only what changes later restarts an actor.
    func takeSnapshots() {
        guard self.settings.watchesCode else { return }
        for folder in self.watchedFolders { self.snapshots[folder] = SourceSnapshot(folder: folder) }
    }

    /// Looks for changed code.
    func watchCode() {
        guard self.settings.watchesCode, !self.isClosing, self.now >= self.nextWatch else { return }
        self.nextWatch = self.now + Self.watchInterval
        for folder in self.watchedFolders {
            let snapshot = SourceSnapshot(folder: folder)
            guard self.snapshots[folder] != snapshot else { continue }
            self.snapshots[folder] = snapshot
            for actor in self.actors where actor.plan.workdir == folder && !actor.plan.isBuiltIn {
                actor.debounce.changed(now: self.now)
            }
        }
        self.watchTools()
    }

    /// New pairs from now on; those that wait for another attempt get it at once.
    func codeChanged(_ actor: ActorRun) {
        self.console.emit(.notice(.information, "\(actor.plan.name): the code has changed, its pairs are replaced"))
        actor.generation += 1
    }

    private var watchedFolders: [String] {
        Set(self.actors.filter { !$0.plan.isBuiltIn }.map(\.plan.workdir)).sorted()
    }
}
