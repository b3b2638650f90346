import Support

/// Parts of a canonical request that need encoding (Signature Version 4, "Create a canonical request").
enum CanonicalRequest {
    /// The path as it is signed: dot segments and double slashes resolved, then encoded.
    ///
    /// `path` is the path of the request line, already percent-encoded; every service but S3 encodes it once more.
    static func path(_ path: String, encodesTwice: Bool) -> String {
        guard encodesTwice else { return path.isEmpty ? "/" : path }
        return URLText.escaped(self.normalized(path), keepingSlashes: true)
    }

    /// The query sorted by encoded name and value. The pairs are not encoded yet.
    static func query(_ pairs: [(name: String, value: String)]) -> String {
        pairs
            .map { (URLText.escaped($0.name), URLText.escaped($0.value)) }
            .sorted { $0.0 == $1.0 ? self.isBefore($0.1, $1.1) : self.isBefore($0.0, $1.0) }
            .map { "\($0.0)=\($0.1)" }
            .joined(separator: "&")
    }

    /// Lower-case names with their trimmed values, sorted; values of one name joined by commas in their order.
    static func headers(_ fields: [(name: String, value: String)]) -> [(name: String, value: String)] {
        var merged: [(name: String, value: String)] = []
        for field in fields {
            let name = field.name.lowercased()
            let value = self.collapsed(field.value)
            if let index = merged.firstIndex(where: { $0.name == name }) {
                merged[index].value += "," + value
            } else {
                merged.append((name, value))
            }
        }
        return merged.sorted { self.isBefore($0.name, $1.name) }
    }

    /// Order of bytes, which the rules ask for; Swift's own order of strings is that of Unicode.
    private static func isBefore(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }

    /// Without space at both ends, runs of spaces inside as one.
    private static func collapsed(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" || $0.isNewline }).joined(separator: " ")
    }

    private static func normalized(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        let joined = "/" + segments.joined(separator: "/")
        return path.hasSuffix("/") && joined != "/" ? joined + "/" : joined
    }
}
