public import AWS
public import Support

/// An HTTP proxy that TLS connections are tunnelled through.
public struct HTTPProxy: Sendable, Equatable {
    /// Name or address.
    public let host: String
    /// TCP port.
    public let port: Int

    /// The proxy that curl's variables name for an endpoint: `HTTPS_PROXY` or `https_proxy` for https, `http_proxy` for
    /// http (in lower case only, as curl has it), unless `NO_PROXY` or `no_proxy` lists the host.
    public static func from(
        _ environment: EnvironmentReader,
        for endpoint: ServiceEndpoint
    ) throws(CredentialError) -> HTTPProxy? {
        let names = endpoint.isSecure ? ["https_proxy", "HTTPS_PROXY"] : ["http_proxy"]
        guard let name = names.first(where: { environment.text($0) != nil }), let text = environment.text(name) else {
            return nil
        }
        let exceptions = environment.text("no_proxy") ?? environment.text("NO_PROXY") ?? ""
        if self.lists(exceptions, host: endpoint.host) { return nil }
        guard let proxy = ServiceEndpoint(parsing: text.contains("://") ? text : "http://\(text)"), !proxy.isSecure
        else {
            throw .invalidVariable(name: name, reason: "is not the address of an http proxy without a password")
        }
        return HTTPProxy(host: proxy.host, port: proxy.port)
    }

    /// Names match themselves and everything below them; `*` matches all.
    static func lists(_ exceptions: String, host: String) -> Bool {
        exceptions.split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
            if entry == "*" { return true }
            let name = lowercasedASCII(String(entry.first == "." ? entry.dropFirst() : entry))
            return host == name || host.hasSuffix(".\(name)")
        }
    }
}
