import CProcess
import Glibc

/// The part that waits: descriptors and deadlines.
extension Supervisor {
    /// Waits until something arrives or is due, and reads it.
    func waitForEvents() {
        var descriptors = [pollfd(fd: self.signals, events: Int16(POLLIN), revents: 0)]
        let bells = self.isClosing ? [] : self.monitor.descriptors
        descriptors += bells.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let requests = self.requests
        descriptors += requests.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let sources = self.outputs
        descriptors += sources.map { pollfd(fd: $0.process.output, events: Int16(POLLIN), revents: 0) }
        let timeout = self.timeout
        // Registering Swift's types touches most of the program; at rest it needs a few pages of it.
        if timeout < 0 || timeout >= Self.restMilliseconds, self.actors.allSatisfy({ $0.pairs.isEmpty }) {
            cprocess_forget_clean_pages()
        }
        let count = poll(&descriptors, nfds_t(descriptors.count), timeout)
        self.now = MonotonicClock.now
        guard count > 0 else { return }
        if descriptors[0].revents != 0 { self.readSignals() }
        var rest = descriptors.dropFirst()
        self.readArrivals(Set(rest.prefix(bells.count).filter { $0.revents != 0 }.map(\.fd)))
        rest = rest.dropFirst(bells.count)
        for (request, ready) in zip(requests, rest) where ready.revents != 0 { self.proceed(request) }
        rest = rest.dropFirst(requests.count)
        for (source, ready) in zip(sources, rest) where ready.revents != 0 {
            let lines = source.process.readLines(now: self.now, into: &self.buffer)
            for line in lines { self.console.emit(.log(source.source, line: line)) }
        }
    }

    /// A sleep of this length counts as rest.
    private static let restMilliseconds: Int32 = 1000

    /// All processes that may still write.
    var outputs: [(source: LogSource, process: ChildProcess)] {
        var outputs: [(source: LogSource, process: ChildProcess)] = self.actors.flatMap { actor in
            actor.pairsInOrder.flatMap { pair in
                PairRole.allCases.compactMap { role in pair[role].map { (.pair(pair.id, role), $0) } }
            }
        }
        if let process = self.gateway?.process { outputs.append((.gateway, process)) }
        return outputs.filter { $0.process.output >= 0 }
    }

    /// Milliseconds until the next deadline, rounded up; -1 when there is none.
    private var timeout: Int32 {
        guard let deadline = self.nextDeadline else { return -1 }
        let (seconds, attoseconds) = (deadline - self.now).components
        if seconds < 0 || attoseconds < 0 { return 0 }
        // A day is long enough; the loop comes round and waits again.
        return Int32(min(seconds, 86_400)) * 1000 + Int32((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    private var nextDeadline: Duration? {
        var deadlines: [Duration?] = [self.nextRefresh, self.showLatest, self.nextArrivalLook]
        if self.settings.watchesCode, !self.isClosing { deadlines.append(self.nextWatch) }
        deadlines += self.requests.map(\.deadline)
        deadlines += [self.gateway?.life.deadline, self.gateway?.nextLook]
        for actor in self.actors {
            if !self.isClosing { deadlines.append(actor.scaler.nextPoll) }
            deadlines.append(actor.debounce.deadline)
            for pair in actor.pairs.values {
                deadlines.append(pair.life.deadline)
                if case .starting = pair.life.phase {
                    let isSlow = self.now > pair.runtimeStart + Self.slowStart
                    deadlines.append(self.now + (isSlow ? Self.slowReadyInterval : Self.readyInterval))
                }
            }
        }
        for (_, process) in self.outputs where process.splitter.hasPartialLine {
            deadlines.append(process.lastOutput + Self.partialLineDelay)
        }
        return deadlines.compactMap { $0 }.min()
    }

    private func readSignals() {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(self.signals, &bytes, bytes.count)
        guard count > 0 else { return }
        let numbers = bytes[..<count].map { Int32($0) }
        for _ in numbers.filter({ $0 == SIGINT || $0 == SIGTERM || $0 == SIGHUP }) { self.requestStop() }
        if numbers.contains(SIGWINCH) { self.console.resized() }
        if numbers.contains(SIGCHLD) {
            self.reapProcesses()
            self.reapGateway()
        }
    }

    private func readArrivals(_ descriptors: Set<Int32>) {
        guard !descriptors.isEmpty else { return }
        let queues = Set(self.monitor.arrivals(on: descriptors))
        self.observe(self.actors.filter { queues.contains($0.plan.queueName) && $0.scaler.waitsForFirstMessage })
    }
}
