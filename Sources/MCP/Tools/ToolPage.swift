/// Pages of `tools/list` (gateway.md 19.3): tools sorted by name, the last name and the generation of the
/// configuration in the cursor, so that a reload ends old walks cleanly.
package enum ToolPage {
    package static let size = 100

    /// One page of `names`, which must be sorted.
    package static func slice(
        of names: [String],
        generation: Int,
        cursor: JSONTree?,
        size: Int
    ) throws(RPCError) -> (range: Range<Int>, nextCursor: String?) {
        precondition(size > 0, "a page has room for a tool")
        var start = 0
        switch cursor {
        case nil, .null?: break
        case .string(let text)?:
            guard let last = self.decode(text, generation: generation) else {
                throw RPCError(.invalidParams, "invalid cursor")
            }
            start = names.firstIndex { $0 > last } ?? names.count
        case .some: throw RPCError(.invalidParams, "cursor must be a string")
        }
        let end = min(start + size, names.count)
        let next = end < names.count ? self.encode(names[end - 1], generation: generation) : nil
        return (start..<end, next)
    }

    private static func encode(_ name: String, generation: Int) -> String {
        Base64.encode(Array("\(generation):\(name)".utf8))
    }

    private static func decode(_ cursor: String, generation: Int) -> String? {
        guard let bytes = Base64.decode(cursor.utf8), let text = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        let prefix = "\(generation):"
        return text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }
}
