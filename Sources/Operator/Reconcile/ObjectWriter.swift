import Support

/// Writes owned objects so that they become as desired, and nothing when they are (operator.md OB5, 19).
struct ObjectWriter: Sendable {
    /// Owns `spec.replicas` alone, so that the main manager can let go of it (operator.md 19.6).
    static let replicasManager = "asya-operator-replicas"
    /// How often the patch of a take-over is tried again at once.
    static let conflictLimit = 3

    let client: APIClient

    /// Applies `desired` unless it is there already. `nil` when nothing was written.
    func write<Object>(_ desired: DesiredObject, _ cache: ObjectCache<Object>) async throws -> JSONValue? {
        if let known = cache[desired.key],
            let owned = (known as? OwnedObject) ?? (known as? ObservedDeployment)?.object,
            owned.controllerUID == desired.ownerUID, !owned.belongsToOriginal,
            ObjectComparison.matches(desired, owned)
        {
            return nil
        }
        if let deployment = cache[desired.key] as? ObservedDeployment { try await self.finishCreation(deployment) }
        let written = try await self.apply(desired)
        cache.wrote(written)
        return written
    }

    /// Applies; an object that another controller owns is refused by the API server (operator.md 13: replaced if it is
    /// a ScaledObject, an error if it is a Deployment).
    private func apply(_ desired: DesiredObject) async throws -> JSONValue {
        let written: JSONValue
        do {
            written = try await self.client.apply(desired.type, desired.key, desired.body)
        } catch let error as APIError where error.namesSecondController {
            guard desired.type.isReplaceable else {
                throw DesiredStateError(
                    description: "\(desired.type.kind) \(desired.key) is controlled by another object"
                )
            }
            try await self.client.delete(desired.type, desired.key)
            return try await self.client.apply(desired.type, desired.key, desired.body)
        }
        guard Self.hasOriginalEntry(written) else { return written }
        try await self.takeOver(desired, written)
        return try await self.client.apply(desired.type, desired.key, desired.body)
    }

    /// Sets the number of replicas; `nil` leaves it to the autoscaler.
    func writeReplicas(_ replicas: Int?, of key: ObjectKey, now observed: Int?) async throws -> JSONValue? {
        guard let replicas, observed != replicas else { return nil }
        return try await self.applyReplicas(replicas, key)
    }

    private func applyReplicas(_ replicas: Int, _ key: ObjectKey) async throws -> JSONValue {
        let body: JSONValue = [
            "apiVersion": .string(ResourceType.deployment.apiVersion),
            "kind": .string(ResourceType.deployment.kind),
            "metadata": ["name": .string(key.name), "namespace": .string(key.namespace)],
            "spec": ["replicas": .integer(replicas)],
        ]
        return try await self.client.apply(.deployment, key, body, fieldManager: Self.replicasManager)
    }

    /// Makes a Deployment with a number of pods other than the API's default, which must not be visible for a moment:
    /// the first apply carries everything, then each manager keeps its own part.
    func create(_ desired: DesiredObject, replicas: Int) async throws -> JSONValue {
        var body = desired.unmarkedBody
        var spec = body["spec"] ?? .object([:])
        spec.set("replicas", .integer(replicas))
        body.set("spec", spec)
        _ = try await self.client.apply(desired.type, desired.key, body)
        _ = try await self.applyReplicas(replicas, desired.key)
        return try await self.apply(desired)
    }

    /// A creation that was interrupted has left the number of pods to the main manager, whose next apply would reset
    /// it.
    private func finishCreation(_ deployment: ObservedDeployment) async throws {
        guard !deployment.object.isComplete, let replicas = deployment.numbers.desired else { return }
        _ = try await self.applyReplicas(replicas, deployment.key)
    }

    // MARK: Objects of the original

    private static func hasOriginalEntry(_ object: JSONValue) -> Bool {
        (object["metadata"]?["managedFields"]?.elements ?? []).contains { OwnedObject.isOriginalEntry($0) }
    }

    /// Turns the original's ownership into ours (operator.md 19.7): the next apply then removes what is not wanted any
    /// more. The number of replicas gets its own manager first, because the old entry owns it too.
    ///
    /// A stop after any of these steps is repaired by the next run: until the patch the old entry says that there is
    /// something to do, and the patch takes the hash away, without which the object is applied again.
    private func takeOver(_ desired: DesiredObject, _ object: JSONValue) async throws {
        var current = object
        if desired.type == .deployment, let replicas = object["spec"]?["replicas"]?.integer {
            current = try await self.applyReplicas(replicas, desired.key)
        }
        for attempt in 1... {
            do {
                let patch = Self.takeOverPatch(current)
                _ = try await self.client.mergePatch(desired.type, desired.key, patch)
                return
            } catch let error as APIError where error.isConflict && attempt <= Self.conflictLimit {
                // Controllers write the status of a new object all the time.
                guard let fresh = try await self.client.get(desired.type, desired.key) else { throw error }
                current = fresh
            }
        }
    }

    /// Guarded by the version that was read.
    static func takeOverPatch(_ current: JSONValue) -> JSONValue {
        let entries = (current["metadata"]?["managedFields"]?.elements ?? []).compactMap { entry -> JSONValue? in
            let isOurs =
                entry["manager"]?.string == APIClient.fieldManager && entry["operation"]?.string == "Apply"
            // Our own first entry says less than the old one; the next apply writes it anew.
            if isOurs { return nil }
            guard OwnedObject.isOriginalEntry(entry) else { return entry }
            var renamed = entry
            renamed.set("manager", .string(APIClient.fieldManager))
            renamed.set("operation", "Apply")
            return renamed
        }
        return [
            "metadata": .object(omittingNil: [
                "resourceVersion": current["metadata"]?["resourceVersion"],
                "annotations": .object([OwnedObject.appliedHashAnnotation: .null]),
                "managedFields": .array(entries),
            ])
        ]
    }
}

extension ResourceType {
    /// Whether a namesake of somebody else is replaced.
    fileprivate var isReplaceable: Bool { self == .scaledObject || self == .triggerAuthentication }
}

extension DesiredObject {
    /// The actor it belongs to.
    var ownerUID: String? { self.body["metadata"]?["ownerReferences"]?.elements?.first?["uid"]?.string }
}

extension APIError {
    /// The API server allows one controller for each object.
    fileprivate var namesSecondController: Bool {
        self.status?.code == 422 && description.contains("Only one reference can have Controller set to true")
    }

    /// The selector of a Deployment cannot be changed.
    var namesImmutableSelector: Bool {
        self.status?.code == 422 && description.contains("spec.selector") && description.contains("immutable")
    }
}
