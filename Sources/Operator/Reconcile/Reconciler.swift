import ActorResource
import Logging
import QueueClient
import Support

/// Makes the world match one actor (operator.md 4). Level-based: it reads the state of the world from the caches, never
/// the event; every step can be repeated and a stop between any two steps is repaired by the next run.
struct Reconciler: Sendable {
    /// What comes after a run.
    enum Outcome: Equatable {
        /// Nothing until something changes.
        case done
        /// Look again after this long, without it being an error.
        case later(Duration)
    }

    static let finalizer = "asya.sh/finalizer"

    let client: APIClient
    let caches: ClusterCaches
    let registry: TransportRegistry
    let configuration: OperatorConfiguration
    let queues: QueueService
    let secrets: SecretReader
    let memory: ActorMemory
    let script: ScriptSource
    let events: EventRecorder
    /// Has another actor looked at.
    let wake: @Sendable (ObjectKey) -> Void
    let logger: Logger

    /// The numbered list of operator.md 4.
    func reconcile(_ key: ObjectKey) async throws -> Outcome {
        // 1. Fetch.
        guard let stored = self.caches.actors[key] else {
            self.memory.forget(key)
            return .done
        }
        // 3. Deletion; before the finalizer, which is not added to an object on its way out.
        if stored.isDeleting { return try await self.delete(stored) }
        // 2. Finalizer, before anything that it guards.
        let observed = try await self.withFinalizer(stored)
        let actor = try observed.decoded()
        var run = Run(observed: observed, actor: actor)
        // 4, 5. Validation and transport.
        let admission = Admission(actor, self.registry, annotations: observed.annotations)
        run.conditions = admission.conditions
        for event in admission.events { self.record(event, observed) }
        guard let transport = admission.transport else {
            try await self.writeStatus(run)
            return .done
        }
        do {
            try await self.reconcile(&run, transport)
        } catch {
            // The cause goes into the status; failing to write that as well must not hide it.
            do {
                try await self.writeStatus(run)
            } catch let second {
                self.logger.warning("cannot write the status", metadata: run.metadata(["error": "\(second)"]))
            }
            if let problem = error as? QueueProblem, let delay = problem.postponed { return .later(delay) }
            throw error
        }
        // 12, 13. Numbers of messages, status.
        run.counts = await self.counts(run, transport)
        try await self.writeStatus(run)
        return .done
    }

    /// What one run finds out.
    struct Run {
        var observed: ObservedActor
        var actor: AsyncActor
        var conditions: [Condition.Kind: Condition] = [:]
        var counts: QueueCounts?

        var key: ObjectKey { self.observed.key }

        func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
            more.merging(["actor": "\(self.key)"]) { own, _ in own }
        }
    }

    private func reconcile(_ run: inout Run, _ transport: TransportDefinition) async throws {
        // 6. Queue.
        if self.configuration.managesQueues { try await self.ensureQueue(&run, transport) }
        do {
            // 7, 8, 9. ServiceAccount, ConfigMap, workload.
            let script = try self.readScript()
            try await self.writeConfigMap(script, namespace: run.key.namespace)
            let input = try await self.input(run, transport, script)
            try await self.writeWorkload(&run, input)
            // 10. Pods.
            run.conditions[.workload] = self.health(run)
            // 11. Scaling.
            try await self.reconcileScaling(&run, input)
        } catch {
            // Whatever failed before the scaling is about the workload.
            if run.conditions[.workload] == nil {
                run.conditions[.workload] = .failed(.workload, "ReconcileError", "\(error)")
            }
            if error is DesiredStateError { return }  // Only a change of spec or configuration helps.
            throw error
        }
    }

    // MARK: 2. Finalizer

    /// A patch of the finalizers alone (crd.md B1), guarded by the version that was read.
    private func withFinalizer(_ observed: ObservedActor) async throws -> ObservedActor {
        guard !observed.finalizers.contains(Self.finalizer) else { return observed }
        let finalizers = observed.finalizers + [Self.finalizer]
        let written = try await self.client.mergePatch(
            .asyncActor,
            observed.key,
            [
                "metadata": [
                    "resourceVersion": .string(observed.resourceVersion),
                    "finalizers": .array(finalizers.map(JSONValue.string)),
                ]
            ]
        )
        self.caches.actors.wrote(written)
        return ObservedActor(written) ?? observed
    }

    // MARK: 7, 8. Shared things

    private func readScript() throws -> ScriptSource.Script {
        do {
            return try self.script.read()
        } catch {
            let text = "failed to read runtime script from \(self.script.path): \(error)"
            throw ClusterConfigurationError(text)
        }
    }

    /// The ConfigMap of a namespace; all its actors share it, so "already there" is the usual answer.
    func writeConfigMap(_ script: ScriptSource.Script, namespace: String) async throws {
        let key = ObjectKey(namespace: namespace, name: RuntimeConfigMap.name)
        if let known = self.caches.configMaps[key], known.scriptHash == script.hash, known.hasLabels { return }
        let object = RuntimeConfigMap.object(namespace: namespace, script: script.text)
        self.caches.configMaps.wrote(try await self.client.apply(.configMap, key, object))
    }

    private func input(
        _ run: Run,
        _ transport: TransportDefinition,
        _ script: ScriptSource.Script
    ) async throws -> DesiredInput {
        let memory = self.memory.entry(run.key, uid: run.observed.uid)
        var input = DesiredInput(
            actor: run.actor,
            owner: OwnerReference(key: run.key, uid: run.observed.uid),
            annotations: run.observed.annotations,
            transport: transport,
            settings: self.configuration.settings,
            scriptHash: script.hash,
            selector: self.caches.deployments[run.key]?.selectorLabels,
            unknownFields: memory.unknownFields
        )
        if input.selector?.isEmpty == true { input.selector = nil }
        if run.actor.spec.scaling.enabled, case .rabbitMQ(let settings) = transport.broker,
            let password = settings.password
        {
            input.secretHasUsername = try await self.secrets.has(
                key: "username",
                in: password.name,
                namespace: run.key.namespace
            )
        }
        return input
    }

    // MARK: 10. Pods

    private func health(_ run: Run) -> Condition {
        let summary = self.pods(of: run.key)
        switch summary.health(desiredReplicas: self.desiredReplicas(run)) {
        case .healthy: return .workloadCreated
        case .pending: return .podsPending
        case .unhealthy(let text):
            self.record(.warning("PodsNotHealthy", text), run.observed)
            return .failed(.workload, "PodsNotHealthy", text)
        }
    }

    func pods(of key: ObjectKey) -> PodSummary {
        PodSummary(self.caches.pods.group(key).map(\.assessment))
    }

    /// Right after its creation a Deployment has no number in the caches yet: then one pod is wanted.
    private func desiredReplicas(_ run: Run) -> Int {
        let own = self.caches.deployments[run.key]?.numbers.desired
        guard run.actor.spec.scaling.enabled else { return own ?? run.actor.spec.workload.replicas }
        return self.caches.autoscalers[ObservedAutoscaler.key(of: run.key)]?.desiredReplicas ?? own ?? 1
    }

    // MARK: 12, 13. Numbers and status

    private func counts(_ run: Run, _ transport: TransportDefinition) async -> QueueCounts? {
        guard self.configuration.managesQueues else { return nil }
        return await self.queues.counts(transport.queueName(actor: run.key.name), of: run.key, on: transport)
    }

    func writeStatus(_ run: Run) async throws {
        let writer = StatusWriter(client: self.client, actors: self.caches.actors)
        let key = run.key
        // The version in the cache may be newer than the one this run began with.
        let fresh = self.caches.actors[key].flatMap { $0.uid == run.observed.uid ? $0 : nil } ?? run.observed
        try await writer.write(fresh) { previous in
            let observation = ActorStatus.Observation(
                key: key,
                generation: run.observed.generation,
                isDeleting: run.observed.isDeleting,
                previous: previous,
                conditions: run.conditions,
                isScalingEnabled: run.actor.spec.scaling.enabled,
                deployment: self.caches.deployments[key].flatMap { deployment in
                    deployment.object.controllerUID == run.observed.uid ? deployment.numbers : nil
                },
                pods: self.pods(of: key),
                autoscalerDesired: self.caches.autoscalers[ObservedAutoscaler.key(of: key)]?.desiredReplicas,
                hasScaledObject: run.conditions[.scaling]?.isTrue == true,
                queued: run.counts?.ready,
                processing: run.counts?.inFlight,
                nowMilliseconds: Timestamp.currentMilliseconds()
            )
            return ActorStatus(observation).json
        }
    }

    func record(_ event: ActorEvent, _ observed: ObservedActor) {
        self.events.record(
            event,
            on: .init(key: observed.key, uid: observed.uid, resourceVersion: observed.resourceVersion)
        )
    }
}
