/// Why `asya up` cannot start, or had to end: a sentence that names the thing at fault and what to do.
public struct UpError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
