import ActorResource
import Support

/// Step 11: KEDA's objects (operator.md 13).
extension Reconciler {
    static let kedaMissing = "KEDA CRDs not installed"

    func reconcileScaling(_ run: inout Run, _ input: DesiredInput) async throws {
        guard run.actor.spec.scaling.enabled else {
            try await self.disableScaling(run)
            return
        }
        do {
            let isNew = self.caches.scaledObjects[run.key] == nil
            let desired = try DesiredScaling(input)
            let writer = ObjectWriter(client: self.client)
            if let authentication = desired.triggerAuthentication {
                _ = try await writer.write(authentication, self.caches.triggerAuthentications)
            } else {
                try await self.deleteAuthentication(run.observed, mayBeUnlabelled: false)
            }
            let written = try await writer.write(desired.scaledObject, self.caches.scaledObjects)
            run.conditions[.scaling] = .scaledObjectCreated
            if written != nil, isNew {
                self.record(.normal("ScaledObjectCreated", "ScaledObject \(run.key.name) created"), run.observed)
            }
        } catch let error as APIError where error.isUnknownAPI {
            let text = "\(Self.kedaMissing): install KEDA, or set spec.scaling.enabled to false (\(error))"
            run.conditions[.scaling] = .failed(.scaling, "ReconcileError", text)
            self.record(.warning("KEDANotInstalled", text), run.observed)
            // The watch on ScaledObjects looks for the API and wakes the actor when it is there.
        } catch {
            run.conditions[.scaling] = .failed(.scaling, "ReconcileError", "\(error)")
            throw error
        }
    }

    /// Both are tried, whatever the first one finds.
    private func disableScaling(_ run: Run) async throws {
        if let scaledObject = self.caches.scaledObjects[run.key] {
            if try await self.client.delete(.scaledObject, run.key, uid: scaledObject.uid) {
                self.record(.normal("ScalingDisabled", "ScaledObject \(run.key.name) deleted"), run.observed)
            }
            self.caches.scaledObjects.deleted(run.key)
        } else if run.observed.mayHaveUnlabelledScaledObject {
            // Made by the original, whose objects the watch does not show.
            try await self.client.delete(.scaledObject, run.key)
        }
        try await self.deleteAuthentication(
            run.observed,
            mayBeUnlabelled: run.observed.mayHaveUnlabelledScaledObject
        )
    }

    private func deleteAuthentication(_ observed: ObservedActor, mayBeUnlabelled: Bool) async throws {
        let name = DesiredScaling.authenticationName(actor: observed.key.name)
        let key = ObjectKey(namespace: observed.key.namespace, name: name)
        guard self.caches.triggerAuthentications[key] != nil || mayBeUnlabelled else { return }
        try await self.client.delete(.triggerAuthentication, key)
        self.caches.triggerAuthentications.deleted(key)
    }
}

extension ObservedActor {
    /// Whether the stored status says that KEDA scaled it.
    var mayHaveUnlabelledScaledObject: Bool { self.decodedStatus()["scalingMode"]?.string == "KEDA" }
}
