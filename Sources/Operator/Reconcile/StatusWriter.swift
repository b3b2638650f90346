import Support

/// Writes a status when it differs from the stored one; on a conflict puts it on the fresh object (operator.md 4.13).
struct StatusWriter: Sendable {
    static let retryLimit = 3

    let client: APIClient
    let actors: ObjectCache<ObservedActor>

    /// The status is computed again from each fresh object. True when something was written.
    @discardableResult
    func write(_ observed: ObservedActor, _ compute: (_ previous: JSONValue) -> JSONValue) async throws -> Bool {
        var previous = observed.decodedStatus()
        var resourceVersion = observed.resourceVersion
        var attempt = 0
        while true {
            let status = compute(previous)
            guard status != previous else { return false }
            let patch: JSONValue = [
                "metadata": ["resourceVersion": .string(resourceVersion)],
                "status": Self.difference(from: previous, to: status),
            ]
            do {
                let written = try await self.client.mergePatch(.asyncActor, observed.key, patch, subresource: "status")
                self.actors.wrote(written)
                return true
            } catch let error as APIError where error.isConflict && attempt < Self.retryLimit {
                attempt += 1
                guard let fresh = try await self.client.get(.asyncActor, observed.key),
                    fresh["metadata"]?["uid"]?.string == observed.uid
                else { return false }
                previous = fresh["status"] ?? .object([:])
                resourceVersion = fresh["metadata"]?["resourceVersion"]?.string ?? ""
            }
        }
    }

    /// A merge patch: changed members, and `null` for those that go.
    static func difference(from old: JSONValue, to new: JSONValue) -> JSONValue {
        let before = old.members ?? [:]
        let after = new.members ?? [:]
        var patch = after.filter { before[$0.key] != $0.value }
        for name in before.keys where after[name] == nil { patch[name] = .null }
        return .object(patch)
    }
}
