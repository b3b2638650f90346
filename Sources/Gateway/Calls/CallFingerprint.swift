internal import AWS

/// Tells whether two calls are the same: SHA-256 over tool and arguments, members in any order.
enum CallFingerprint {
    static func text(tool: String, arguments: RawJSON) -> String {
        var hasher = SHA256Hash()
        hasher.update(Array(tool.utf8) + [0])
        if let root = arguments.document?.root { self.add(root, to: &hasher) }
        return hasher.finish().text
    }

    /// Canonical form: members sorted by name, scalars as they are written.
    private static func add(_ element: JSONElement, to hasher: inout SHA256Hash) {
        switch element.kind {
        case .object:
            hasher.update([UInt8(ascii: "{")])
            for member in (element.members ?? []).sorted(by: { $0.name < $1.name }) {
                hasher.update(Array(member.name.utf8) + [0])
                self.add(member.value, to: &hasher)
            }
            hasher.update([UInt8(ascii: "}")])
        case .array:
            hasher.update([UInt8(ascii: "[")])
            for item in element.elements ?? [] { self.add(item, to: &hasher) }
            hasher.update([UInt8(ascii: "]")])
        case .string: hasher.update([1] + Array((element.string ?? "").utf8) + [0])
        case .null, .boolean, .number: hasher.update(element.raw.bytes + [0])
        }
    }
}
