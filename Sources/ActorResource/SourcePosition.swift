/// A place in a manifest, as editors and compilers write it: `pipeline.yaml:12:7`.
public struct SourcePosition: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The file as the caller named it.
    public var file: String
    /// Counted from 1.
    public var line: Int
    /// Counted from 1, in characters.
    public var column: Int

    /// A place in `file`.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`.
    public var description: String { "\(self.file):\(self.line):\(self.column)" }

    /// The order of reading.
    public static func < (left: SourcePosition, right: SourcePosition) -> Bool {
        (left.file, left.line, left.column) < (right.file, right.line, right.column)
    }
}
