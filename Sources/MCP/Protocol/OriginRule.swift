/// Which web pages may talk to the server (gateway.md 18.2). The `Host` field is never consulted: in a DNS-rebinding
/// attack it carries the attacker's name too.
package struct OriginRule: Sendable {
    private let allowed: Set<String>

    /// `allowed` are origins as browsers write them, such as `https://example.org`; `*` allows every one.
    package init(allowed: some Sequence<String>) {
        self.allowed = Set(allowed.map { $0.lowercased() })
    }

    /// Whether a request with this `Origin` field (`nil`: none) is served.
    package func accepts(_ origin: String?) -> Bool {
        guard let origin = origin?.lowercased() else { return true }
        if self.allowed.contains(origin) || self.allowed.contains("*") { return true }
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return Self.isLoopback(origin.dropFirst(scheme.count))
        }
        return false
    }

    /// `host` or `host:port` with a host that is this machine whatever DNS says.
    private static func isLoopback(_ authority: Substring) -> Bool {
        for host in ["localhost", "127.0.0.1", "[::1]"] where authority.hasPrefix(host) {
            let rest = authority.dropFirst(host.count)
            if rest.isEmpty { return true }
            let port = rest.dropFirst()
            let isPort = !port.isEmpty && port.count <= 5 && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
            return rest.first == ":" && isPort
        }
        return false
    }
}
