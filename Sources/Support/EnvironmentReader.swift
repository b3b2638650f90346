import Glibc

/// Reads configuration from environment variables by the rules of `sidecar.md` section 2: an empty variable is unset,
/// an invalid value falls back to its default with a warning that names the variable but never shows the value.
///
/// The input is a dictionary, so that tests set nothing in their own process.
public struct EnvironmentReader: Sendable {
    /// What was wrong, one sentence per variable, in the order of reading; fit for a log line.
    public private(set) var warnings: [String] = []
    private let variables: [String: String]

    /// A reader over these variables.
    public init(_ variables: [String: String]) {
        self.variables = variables
    }

    /// A reader over the variables the process was started with.
    public static var process: EnvironmentReader { EnvironmentReader(self.processVariables) }

    /// The variables the process was started with, to be passed on to other processes.
    public static var processVariables: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            // Of two equal names the first counts, as with getenv.
            if let split = text.utf8.firstIndex(of: UInt8(ascii: "=")), variables[String(text[..<split])] == nil {
                variables[String(text[..<split])] = String(text[text.utf8.index(after: split)...])
            }
            entry += 1
        }
        return variables
    }

    /// The text of a variable; nil when it is unset or empty.
    public func text(_ name: String) -> String? {
        guard let text = self.variables[name], !text.isEmpty else { return nil }
        return text
    }

    /// The value of a variable, its default when it is unset or invalid.
    public mutating func read<Value>(_ variable: EnvironmentVariable<Value>) -> Value {
        guard let text = self.text(variable.name) else { return variable.defaultValue }
        switch variable.read(text) {
        case .value(let value):
            return value
        case .adjusted(let value, let note):
            self.warn("\(variable.name) is \(note)")
            return value
        case .invalid(let reason):
            let fallback = variable.defaultText.isEmpty ? "it is ignored" : "using \(variable.defaultText)"
            self.warn("\(variable.name) is \(reason), \(fallback)")
            return variable.defaultValue
        }
    }

    /// Adds a warning about something only the caller can judge.
    public mutating func warn(_ text: String) {
        self.warnings.append(text)
    }
}
