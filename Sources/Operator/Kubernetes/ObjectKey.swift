/// Namespace and name of an object: how caches and the work queue tell objects of one type apart.
public struct ObjectKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The namespace; empty for objects of the whole cluster.
    public let namespace: String
    /// The name.
    public let name: String

    /// A key.
    public init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// `namespace/name`.
    public var description: String { "\(self.namespace)/\(self.name)" }

    /// By namespace, then name.
    public static func < (left: ObjectKey, right: ObjectKey) -> Bool {
        (left.namespace, left.name) < (right.namespace, right.name)
    }
}
