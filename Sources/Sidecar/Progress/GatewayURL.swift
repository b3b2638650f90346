import Support

/// The gateway's base URL (`ASYA_GATEWAY_URL`), taken apart for requests.
struct GatewayURL: Equatable, Sendable {
    let isTLS: Bool
    let host: String
    let port: Int
    /// Prefix of every path, without a trailing slash; empty for the root.
    let basePath: String

    /// Longer than any address worth connecting to.
    private static let byteLimit = 2048

    init(_ text: String) throws(GatewayURLError) {
        guard text.utf8.count <= Self.byteLimit else { throw .malformed }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .malformed }
        guard let (scheme, rest) = Self.split(Substring(text), at: "://") else { throw .unsupportedScheme }
        switch scheme {
        case "http", "HTTP": self.isTLS = false
        case "https", "HTTPS": self.isTLS = true
        default: throw .unsupportedScheme
        }
        guard !rest.contains("?"), !rest.contains("#") else { throw .hasQuery }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard !authority.contains("@") else { throw .hasCredentials }
        var path = rest[slash...]
        while path.hasSuffix("/") { path = path.dropLast() }
        self.basePath = String(path)
        (self.host, self.port) = try Self.hostAndPort(authority, defaultPort: self.isTLS ? 443 : 80)
    }

    /// Value of the `Host` header.
    var hostHeader: String {
        let name = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == (self.isTLS ? 443 : 80) ? name : "\(name):\(self.port)"
    }

    /// `GET` of the check at the start (`sidecar.md` section 3).
    var healthPath: String { self.basePath + "/health" }

    /// Where children are registered (9.3).
    var envelopesPath: String { self.basePath + "/envelopes" }

    /// Where one envelope's progress goes (9.1).
    func progressPath(id: String) -> String {
        "\(self.basePath)/envelopes/\(Self.percentEncoded(id))/progress"
    }

    /// Where one envelope's final status goes (9.4).
    func finalPath(id: String) -> String {
        "\(self.basePath)/envelopes/\(Self.percentEncoded(id))/final"
    }

    /// One path segment. Dots are encoded when they would be the whole segment, which servers resolve away.
    static func percentEncoded(_ segment: String) -> String {
        let isDots = segment == "." || segment == ".."
        return isDots ? String(repeating: "%2E", count: segment.utf8.count) : URLText.escaped(segment)
    }

    private static func split(_ text: Substring, at separator: String) -> (Substring, Substring)? {
        var index = text.startIndex
        while index < text.endIndex {
            if text[index...].hasPrefix(separator) {
                return (text[..<index], text[index...].dropFirst(separator.count))
            }
            index = text.index(after: index)
        }
        return nil
    }

    private static func hostAndPort(
        _ authority: Substring,
        defaultPort: Int
    ) throws(GatewayURLError) -> (String, Int) {
        var host = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { throw .malformed }
            host = authority[authority.index(after: authority.startIndex)..<close]
            let rest = authority[authority.index(after: close)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":") else { throw .malformed }
                portText = rest.dropFirst()
            }
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw .missingHost }
        guard let digits = portText, !digits.isEmpty else { return (String(host), defaultPort) }
        guard digits.utf8.first != UInt8(ascii: "+"), let port = UInt16(digits), port > 0 else { throw .invalidPort }
        return (String(host), Int(port))
    }
}

/// Why a text is no base URL; completes a sentence that starts with the variable's name.
enum GatewayURLError: Error, Equatable, CustomStringConvertible {
    case unsupportedScheme, hasCredentials, hasQuery, missingHost, invalidPort, malformed

    var description: String {
        switch self {
        case .unsupportedScheme: "must start with http:// or https://"
        case .hasCredentials: "must not contain a user name or password"
        case .hasQuery: "must not contain a query or a fragment"
        case .missingHost: "has no host"
        case .invalidPort: "has an invalid port"
        case .malformed: "is not a valid URL"
        }
    }
}
