/// The shared files of AWS's own tools, `~/.aws/credentials` and `~/.aws/config`, as profiles of settings.
///
/// What the reference of the format allows and nothing uses here (nested settings, `[services …]`, `[sso-session …]`)
/// is stepped over.
public struct SharedConfiguration: Sendable, Equatable {
    /// Largest file that is read.
    public static let fileByteLimit = 1024 * 1024

    private var profiles: [String: [String: String]] = [:]

    /// No profiles.
    public init() {}

    /// The profiles of both texts; settings of the credentials file win.
    public init(credentials: String?, config: String?) {
        if let config { self.read(config, isConfig: true) }
        if let credentials { self.read(credentials, isConfig: false) }
    }

    /// The settings of a profile; nil when neither file has it.
    public func profile(_ name: String) -> [String: String]? { self.profiles[name] }

    private mutating func read(_ text: String, isConfig: Bool) {
        var current: String?
        for line in text.split(whereSeparator: \.isNewline) {
            // A line that is indented continues or nests: none of our settings do.
            if line.first == " " || line.first == "\t" { continue }
            let line = Self.trimmed(line)
            if line.isEmpty || line.first == "#" || line.first == ";" { continue }
            if line.first == "[" {
                current = Self.profileName(line, isConfig: isConfig)
                if let current, self.profiles[current] == nil { self.profiles[current] = [:] }
            } else if let current, let equals = line.firstIndex(of: "=") {
                let name = Self.trimmed(line[..<equals]).lowercased()
                self.profiles[current]?[name] = Self.value(line[line.index(after: equals)...])
            }
        }
    }

    /// `[default]` and `[name]`; in the config file all but `default` are `[profile name]`.
    private static func profileName(_ line: Substring, isConfig: Bool) -> String? {
        guard let end = line.firstIndex(of: "]") else { return nil }
        let words = line[line.index(after: line.startIndex)..<end].split(whereSeparator: { $0 == " " || $0 == "\t" })
        switch words.count {
        case 1 where !isConfig || words[0] == "default": return String(words[0])
        case 2 where words[0] == "profile": return String(words[1])
        default: return nil
        }
    }

    /// Without the comment that may follow after a space.
    private static func value(_ text: Substring) -> String {
        var text = text
        for mark in [" #", " ;", "\t#", "\t;"] {
            if let range = text.range(of: mark) { text = text[..<range] }
        }
        return String(self.trimmed(text))
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}

extension Substring {
    /// Where a short text first stands.
    fileprivate func range(of text: String) -> Index? {
        self.indices.first { self[$0...].hasPrefix(text) }
    }
}

extension SharedConfiguration: CustomStringConvertible, CustomReflectable {
    /// The names alone.
    public var description: String { "profiles \(self.profiles.keys.sorted().joined(separator: ", "))" }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}
