import Support
import Synchronization

/// An object as a cache keeps it: only the fields somebody reads (operator.md OB11).
protocol CachedObject: Sendable, Equatable {
    /// Reads what is needed; `nil` for objects that do not concern us.
    init?(_ object: JSONValue)
    /// Namespace and name.
    var key: ObjectKey { get }
    /// The version of the object, to leave out what is older than what we have.
    var resourceVersion: String { get }
    /// A common key of several objects, by which they are looked up together.
    var group: ObjectKey? { get }
}

extension CachedObject {
    var group: ObjectKey? { nil }
}

/// The local copy of one collection, filled by a reflector. Tells its owner of each difference that counts.
final class ObjectCache<Object: CachedObject>: ReflectorSink {
    /// A difference: `old` or `new` is `nil` when the object appeared or vanished.
    typealias Change = @Sendable (_ old: Object?, _ new: Object?) -> Void

    private struct State {
        var objects: [ObjectKey: Object] = [:]
        var groups: [ObjectKey: Set<ObjectKey>] = [:]
        /// Keys seen by the list that is running.
        var seen: Set<ObjectKey> = []
        var isAbsent = false

        mutating func insert(_ object: Object) -> Object? {
            let old = self.remove(object.key)
            self.objects[object.key] = object
            if let group = object.group { self.groups[group, default: []].insert(object.key) }
            return old
        }

        mutating func remove(_ key: ObjectKey) -> Object? {
            guard let old = self.objects.removeValue(forKey: key) else { return nil }
            if let group = old.group {
                self.groups[group]?.remove(key)
                if self.groups[group]?.isEmpty == true { self.groups[group] = nil }
            }
            return old
        }
    }

    private let state = Mutex(State())
    private let changed: Change
    private let absenceChanged: @Sendable (Bool) -> Void

    init(changed: @escaping Change, absenceChanged: @escaping @Sendable (Bool) -> Void = { _ in }) {
        self.changed = changed
        self.absenceChanged = absenceChanged
    }

    /// The object, if it is there.
    subscript(_ key: ObjectKey) -> Object? { self.state.withLock { $0.objects[key] } }

    /// All objects, in no order.
    var all: [Object] { self.state.withLock { Array($0.objects.values) } }

    /// The objects of a group, ordered by key.
    func group(_ group: ObjectKey) -> [Object] {
        self.state.withLock { state in (state.groups[group] ?? []).sorted().compactMap { state.objects[$0] } }
    }

    /// What a write of our own brought: known at once, without waking anybody.
    func wrote(_ object: JSONValue) {
        guard let object = Object(object) else { return }
        self.state.withLock { state in
            // The watch may have been faster.
            let old = state.objects[object.key]
            if let old, Self.isOlder(object.resourceVersion, than: old.resourceVersion) { return }
            _ = state.insert(object)
        }
    }

    /// What a deletion of our own did.
    func deleted(_ key: ObjectKey) {
        self.state.withLock { _ = $0.remove(key) }
    }

    /// How many there are.
    var count: Int { self.state.withLock { $0.objects.count } }

    /// Whether the API server lacks this collection.
    var isAbsent: Bool { self.state.withLock { $0.isAbsent } }

    func listed(_ object: JSONValue) {
        guard let object = Object(object) else { return }
        self.state.withLock { _ = $0.seen.insert(object.key) }
        self.put(object)
    }

    func listAborted() {
        self.state.withLock { $0.seen = [] }
    }

    func listCompleted() {
        let (vanished, returned): ([Object], Bool) = self.state.withLock { state in
            let vanished = state.objects.values.filter { !state.seen.contains($0.key) }
            for object in vanished { _ = state.remove(object.key) }
            state.seen = []
            let returned = state.isAbsent
            state.isAbsent = false
            return (vanished, returned)
        }
        for object in vanished { self.changed(object, nil) }
        if returned { self.absenceChanged(false) }
    }

    func stored(_ object: JSONValue) {
        guard let object = Object(object) else { return self.removed(object) }
        self.put(object)
    }

    func removed(_ object: JSONValue) {
        let key = ObjectKey(of: object)
        if let old = self.state.withLock({ $0.remove(key) }) { self.changed(old, nil) }
    }

    func absent() {
        let (vanished, isNew): ([Object], Bool) = self.state.withLock { state in
            let vanished = Array(state.objects.values)
            state.objects = [:]
            state.groups = [:]
            state.seen = []
            let isNew = !state.isAbsent
            state.isAbsent = true
            return (vanished, isNew)
        }
        for object in vanished { self.changed(object, nil) }
        if isNew { self.absenceChanged(true) }
    }

    private func put(_ object: Object) {
        let (old, isNews): (Object?, Bool) = self.state.withLock { state in
            let old = state.objects[object.key]
            if let old, Self.isOlder(object.resourceVersion, than: old.resourceVersion) { return (old, false) }
            _ = state.insert(object)
            return (old, true)
        }
        if isNews, old != object { self.changed(old, object) }
    }

    /// Versions are opaque by contract and numbers in fact; what is no number is taken as newer.
    private static func isOlder(_ version: String, than other: String) -> Bool {
        guard let version = UInt64(version), let other = UInt64(other) else { return false }
        return version < other
    }
}

extension ObjectKey {
    /// The key in an object's metadata; empty parts when they are missing.
    init(of object: JSONValue) {
        let metadata = object["metadata"]
        self.init(namespace: metadata?["namespace"]?.string ?? "", name: metadata?["name"]?.string ?? "")
    }
}
