/// What is wrong with a tools configuration, in the words of the contract, and where (`gateway.md` 2.2).
public struct ToolFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The original's text, wrapping included.
    public var text: String
    /// File at fault; nil when it is about the path or the whole.
    public var file: String?
    /// Line in it.
    public var line: Int?

    /// The text, and where.
    public var description: String {
        guard let file = self.file else { return self.text }
        return "\(self.text) (\(file)\(self.line.map { ":\($0)" } ?? ""))"
    }

    init(_ text: String, file: String? = nil, line: Int? = nil) {
        self.text = text
        self.file = file
        self.line = line
    }

    func wrapped(_ prefix: String) -> ToolFileError {
        ToolFileError("\(prefix): \(self.text)", file: self.file, line: self.line)
    }
}
