internal import Support

/// Lists as text in one column.
enum StoredList {
    /// JSON, so that every actor's name survives.
    static func text(_ values: [String]) -> String {
        var writer = JSONWriter()
        writer.strings(values)
        return writer.text
    }

    /// Reads what `text` wrote; anything else is an empty list.
    static func strings(_ text: String?) -> [String] {
        guard let text, let elements = JSONDocument(Array(text.utf8))?.root.elements else { return [] }
        return elements.compactMap(\.string)
    }

    /// `0,1,2`.
    static func text(_ values: [Int]) -> String { values.map(String.init).joined(separator: ",") }

    /// Reads what `text` wrote.
    static func integers(_ text: String?) -> [Int] { (text ?? "").split(separator: ",").compactMap { Int($0) } }
}
