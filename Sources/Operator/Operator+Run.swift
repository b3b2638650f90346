import Glibc
import Logging
import NIOCore
import Support
import Synchronization

/// How the parts run together.
extension Operator {
    /// Collections that are watched.
    static let watchCount = 9

    /// Runs everything as one group of tasks; the first reason to stop ends it.
    func run(_ parts: Parts) async -> Int32 {
        let signals = SignalStream()
        let received = signals.received
        let stop = StopReason()
        return await withTaskGroup(of: Void.self) { group in
            for reflector in self.reflectors(parts) { group.addTask { await reflector.run() } }
            group.addTask { await parts.events.run() }
            group.addTask { await parts.queues.closeIdle() }
            group.addTask { await RestingMemory(workQueue: parts.workQueue).run() }
            group.addTask { await self.lead(parts, stop) }
            group.addTask { await self.work(parts, stop) }
            group.addTask {
                for await number in received {
                    if stop.set(.signal) {
                        self.logger.info("shutting down", metadata: ["signal": "\(number)"])
                    } else {
                        exit(1)  // A second signal: at once (operator.md 1).
                    }
                }
            }
            let reason = await stop.wait()
            parts.workQueue.close()
            await self.waitForWorkers(parts)
            group.cancelAll()
            signals.finish()
            await group.waitForAll()
            return reason == .signal ? 0 : 1
        }
    }

    private func reflectors(_ parts: Parts) -> [Reflector] {
        let caches = parts.caches
        let owned = ObjectSelector(labels: OwnedObject.actorLabel)
        func reflector(
            _ types: [ResourceType],
            _ selector: ObjectSelector,
            _ sink: any ReflectorSink,
            isOptional: Bool = false
        ) -> Reflector {
            Reflector(
                client: parts.client,
                types: types,
                selector: selector,
                sink: sink,
                logger: self.logger,
                isOptional: isOptional
            ) {
                parts.sync.synced()
            }
        }
        return [
            reflector([.asyncActor], .all, caches.actors),
            reflector([.deployment], owned, caches.deployments),
            reflector([.pod], owned, caches.pods),
            reflector([.scaledObject], owned, caches.scaledObjects),
            reflector([.triggerAuthentication], owned, caches.triggerAuthentications),
            reflector([.serviceAccount], owned, caches.serviceAccounts),
            // The original's role knows none.
            reflector([.podDisruptionBudget], owned, caches.disruptionBudgets, isOptional: true),
            reflector(ResourceType.horizontalPodAutoscalers, .all, caches.autoscalers),
            reflector(
                [.configMap],
                ObjectSelector(fields: "metadata.name=\(RuntimeConfigMap.name)"),
                caches.configMaps
            ),
        ]
    }

    // MARK: Leading

    /// Without an election every replica leads; with one, losing it ends the process.
    private func lead(_ parts: Parts, _ stop: StopReason) async {
        guard self.configuration.electsLeader else {
            parts.leadership.begin()
            return
        }
        let identity = "\(self.configuration.podName)_\(String(UInt64.random(in: 0...UInt64.max), radix: 16))"
        let election = LeaderElection(
            client: parts.client,
            namespace: self.ownNamespace,
            identity: identity,
            logger: self.logger
        )
        do {
            try await election.run {
                self.logger.info("became leader", metadata: ["identity": "\(identity)"])
                parts.leadership.begin()
            }
            self.logger.error("lost the leadership, ending", metadata: ["identity": "\(identity)"])
            parts.leadership.end()
            _ = stop.set(.leadershipLost)
        } catch {
            // Cancelled: a clean stop. The successor need not wait for the lease to run out; by now no reconcile runs.
            await Task { await election.release() }.value
        }
    }

    // MARK: Working

    /// Start-up order of operator.md 1: caches, then the ConfigMap, then reconciles.
    private func work(_ parts: Parts, _ stop: StopReason) async {
        do {
            try await parts.leadership.wait()
            try await parts.sync.wait()
            try await self.writeStartConfigMap(parts, stop)
        } catch {
            return  // Reported where it was found, or the process is ending.
        }
        parts.leadership.workersBegin()
        self.logger.info("reconciling", metadata: ["actors": "\(parts.caches.actors.count)"])
        let workers = Workers(
            queue: parts.workQueue,
            reconciler: parts.reconciler,
            metrics: parts.metrics,
            logger: self.logger,
            count: self.configuration.concurrency
        )
        await withTaskGroup(of: Void.self) { group in
            if let interval = self.configuration.queueCheckInterval, self.configuration.managesQueues {
                let check = QueueCheck(
                    interval: interval,
                    transportNames: parts.reconciler.registry.transports.keys.sorted(),
                    memory: parts.memory,
                    queues: parts.queues,
                    workQueue: parts.workQueue,
                    logger: self.logger
                )
                group.addTask { await check.run() }
            }
            await workers.run()
            group.cancelAll()
        }
        parts.leadership.workersEnded()
    }

    /// The ConfigMap of the runtime namespace. An unreadable script is fatal; the API server gets another chance.
    private func writeStartConfigMap(_ parts: Parts, _ stop: StopReason) async throws {
        let script: ScriptSource.Script
        do {
            script = try parts.reconciler.script.read()
            guard !script.text.isEmpty else { throw ClusterConfigurationError("runtime script content is empty") }
        } catch {
            self.logger.error("failed to load runtime script: \(error)")
            _ = stop.set(.failure)
            throw error
        }
        var backoff = Backoff(base: .milliseconds(500), cap: .seconds(30))
        while true {
            do {
                try await parts.reconciler.writeConfigMap(script, namespace: self.configuration.runtimeNamespace)
                return
            } catch is CancellationError {
                throw CancellationError()
            } catch let error as APIError where error.isNotFound {
                self.logger.error(
                    "the runtime namespace does not exist",
                    metadata: ["namespace": "\(self.configuration.runtimeNamespace)", "error": "\(error)"]
                )
                _ = stop.set(.failure)
                throw error
            } catch {
                self.logger.warning("cannot write the start-up ConfigMap", metadata: ["error": "\(error)"])
                try await Task.sleep(for: backoff.nextWithoutJitter())
            }
        }
    }

    /// Running reconciles get their time; the process does not hang on one that does not end.
    private func waitForWorkers(_ parts: Parts) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await parts.leadership.waitForWorkers() }
            group.addTask { try? await Task.sleep(for: Self.shutdownLimit) }  // Cancelled when the workers were faster.
            await group.next()
            group.cancelAll()
        }
    }
}
