import ActorResource
import Support

/// Steps 7 and 9: ServiceAccount, Deployment, disruption budget (operator.md 7, 8).
extension Reconciler {
    func writeWorkload(_ run: inout Run, _ input: DesiredInput) async throws {
        let desired = try DesiredState(input)
        let writer = ObjectWriter(client: self.client)
        if let account = desired.serviceAccount { _ = try await writer.write(account, self.caches.serviceAccounts) }
        try await self.writeDeployment(run, input, desired, writer)
        try await self.writeDisruptionBudget(run, desired, writer)
    }

    private func writeDeployment(
        _ run: Run,
        _ input: DesiredInput,
        _ desired: DesiredState,
        _ writer: ObjectWriter
    ) async throws {
        let isNew = self.caches.deployments[run.key] == nil
        var input = input
        var desired = desired
        for round in 1... {
            do {
                let written = try await self.apply(desired, isNew: isNew, writer)
                if written {
                    let reason = isNew ? "WorkloadCreated" : "WorkloadUpdated"
                    let text = "Deployment \(run.key.name) \(isNew ? "created" : "updated")"
                    self.record(.normal(reason, text), run.observed)
                }
                return
            } catch let error as APIError where round <= UnknownField.roundLimit {
                if error.namesImmutableSelector, let selector = try await self.storedSelector(run.key) {
                    // A Deployment of the original, which the watch does not show yet.
                    guard input.selector != selector else { throw error }
                    input.selector = selector
                } else {
                    let fields = UnknownField.paths(in: error.description)
                    guard !fields.isEmpty else { throw error }
                    input.unknownFields += fields
                    self.report(unknownFields: fields, input.unknownFields, run)
                }
                desired = try DesiredState(input)
            }
        }
    }

    private func apply(_ desired: DesiredState, isNew: Bool, _ writer: ObjectWriter) async throws -> Bool {
        let key = desired.deployment.key
        if isNew, let replicas = desired.replicas, replicas != 1,
            try await self.client.get(.deployment, key) == nil
        {
            self.caches.deployments.wrote(try await writer.create(desired.deployment, replicas: replicas))
            return true
        }
        var written = try await writer.write(desired.deployment, self.caches.deployments)
        let observed = self.caches.deployments[key]?.numbers.desired
        if let changed = try await writer.writeReplicas(desired.replicas, of: key, now: observed) {
            self.caches.deployments.wrote(changed)
            written = changed
        }
        return written != nil
    }

    private func storedSelector(_ key: ObjectKey) async throws -> [String: String]? {
        try await self.client.get(.deployment, key)?["spec"]?["selector"]?["matchLabels"]?.strings
    }

    private func report(unknownFields fields: [String], _ all: [String], _ run: Run) {
        self.memory.change(run.key, uid: run.observed.uid) { $0.unknownFields = all }
        let text =
            "this Kubernetes does not know \(fields.joined(separator: ", ")) in the pod template; left out of the "
            + "Deployment"
        self.record(.warning("UnknownFields", text), run.observed)
    }

    /// The pods run without one too: an API server older than 1.21, or a role without the right to make it, are told and
    /// nothing more.
    private func writeDisruptionBudget(_ run: Run, _ desired: DesiredState, _ writer: ObjectWriter) async throws {
        do {
            if let budget = desired.disruptionBudget {
                _ = try await writer.write(budget, self.caches.disruptionBudgets)
            } else if let old = self.caches.disruptionBudgets[run.key], old.controllerUID == run.observed.uid {
                try await self.client.delete(.podDisruptionBudget, run.key, uid: old.uid)
                self.caches.disruptionBudgets.deleted(run.key)
            }
        } catch let error as APIError where error.isUnknownAPI || error.isForbidden {
            let text = "no PodDisruptionBudget for \(DesiredDisruptionBudget.annotation): \(error)"
            self.record(.warning("NoDisruptionBudget", text), run.observed)
        }
    }
}
