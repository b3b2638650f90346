/// Where a field stands in a document: `spec.workload.template.spec.containers[0].env[2].name`.
public struct FieldPath: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// One step down.
    public enum Component: Hashable, Sendable {
        /// A member of a mapping.
        case name(String)
        /// An element of a sequence, from 0.
        case index(Int)
    }

    /// From the root of the document.
    public private(set) var components: [Component]

    /// The path with these steps.
    public init(_ components: [Component] = []) {
        self.components = components
    }

    /// Names with dots between them, as in `"spec.scaling.minReplicas"`.
    public init(stringLiteral names: String) {
        self.components = names.split(separator: ".").map { .name(String($0)) }
    }

    /// The member `name` below this path.
    public func member(_ name: String) -> FieldPath { FieldPath(self.components + [.name(name)]) }

    /// The element `index` below this path.
    public func element(_ index: Int) -> FieldPath { FieldPath(self.components + [.index(index)]) }

    /// This path below `parent`.
    public func below(_ parent: FieldPath) -> FieldPath { FieldPath(parent.components + self.components) }

    /// The text form; names with dots or brackets stand in quotes: `metadata.annotations["asya.sh/python"]`.
    public var description: String {
        var text = ""
        for component in self.components {
            switch component {
            case .index(let index): text += "[\(index)]"
            case .name(let name) where name.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "[") }):
                text += "[\"\(name)\"]"
            case .name(let name): text += text.isEmpty ? name : ".\(name)"
            }
        }
        return text
    }
}
