import FoundationEssentials
import Support
import Synchronization

/// Reads single Secrets when a broker needs them, and keeps them for half a minute (operator.md OB10): no list, no
/// watch, nothing of other Secrets in memory.
final class SecretReader: Sendable {
    static let lifetime = Duration.seconds(30)
    /// Namespaces with a Secret of their own, at most.
    static let entryLimit = 1024

    private struct Entry {
        var data: [String: String]
        var expiry: ContinuousClock.Instant
    }

    private let client: APIClient
    /// Looked at when the actor's namespace has no such Secret.
    private let fallbackNamespace: String?
    private let entries = Mutex<[ObjectKey: Entry]>([:])

    init(client: APIClient, fallbackNamespace: String?) {
        self.client = client
        self.fallbackNamespace = fallbackNamespace
    }

    /// Why a value cannot be had.
    enum Problem: Error, Equatable {
        /// Neither in the actor's namespace nor in the fallback.
        case secretMissing(name: String)
        case keyMissing(name: String, key: String)
    }

    /// The value of a key.
    func value(_ reference: SecretReference, namespace: String) async throws -> String {
        guard let data = try await self.data(reference.name, namespace: namespace) else {
            throw Problem.secretMissing(name: reference.name)
        }
        guard let encoded = data[reference.key], let value = Data(base64Encoded: encoded) else {
            throw Problem.keyMissing(name: reference.name, key: reference.key)
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// Whether the Secret that pods and KEDA read has a key. Only the actor's own namespace counts for them.
    func has(key: String, in name: String, namespace: String) async throws -> Bool {
        try await self.read(ObjectKey(namespace: namespace, name: name))?[key] != nil
    }

    /// A broker refused what was read: the Secret may have changed since.
    func forget(_ name: String, namespace: String) {
        self.entries.withLock { entries in
            entries[ObjectKey(namespace: namespace, name: name)] = nil
            if let fallback = self.fallbackNamespace { entries[ObjectKey(namespace: fallback, name: name)] = nil }
        }
    }

    private func data(_ name: String, namespace: String) async throws -> [String: String]? {
        if let own = try await self.read(ObjectKey(namespace: namespace, name: name)) { return own }
        guard let fallback = self.fallbackNamespace, fallback != namespace else { return nil }
        return try await self.read(ObjectKey(namespace: fallback, name: name))
    }

    private func read(_ key: ObjectKey) async throws -> [String: String]? {
        let now = ContinuousClock.now
        if let entry = self.entries.withLock({ $0[key] }), entry.expiry > now { return entry.data }
        // One that is missing is looked for each time: it is about to be made, and retries are rare.
        guard let secret = try await self.client.get(.secret, key) else { return nil }
        let data = secret["data"]?.strings ?? [:]
        self.entries.withLock { entries in
            if entries.count >= Self.entryLimit { entries = entries.filter { $0.value.expiry > now } }
            if entries.count < Self.entryLimit { entries[key] = Entry(data: data, expiry: now + Self.lifetime) }
        }
        return data
    }
}
