/// Where a service listens: `https://sqs.eu-west-1.amazonaws.com`, or an emulator's address with port and path.
public struct ServiceEndpoint: Sendable, Hashable {
    /// The variables that may hold the endpoint of SQS, the first that is set wins (`sidecar.md` 7.1).
    public static let sqsVariables = ["ASYA_SQS_ENDPOINT", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"]

    /// Whether it speaks TLS.
    public let isSecure: Bool
    /// Name or address; IPv6 addresses without brackets.
    public let host: String
    /// TCP port.
    public let port: Int
    /// Begins with a slash.
    public let path: String

    /// Reads `http[s]://host[:port][/path]`. User names, queries and fragments are refused.
    public init?(parsing text: String) {
        var rest = text[...]
        if rest.hasPrefix("https://") {
            self.isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            self.isSecure = false
            rest = rest.dropFirst(7)
        } else {
            return nil
        }
        // A request line and a header are made of it.
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !rest.contains(where: { "@?#\\".contains($0) })
        else { return nil }
        let authority = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(authority.count)
        self.path = path.isEmpty ? "/" : String(path)

        let name: Substring
        let portText: Substring
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            name = authority[authority.index(after: authority.startIndex)..<end]
            portText = authority[authority.index(after: end)...]
            guard name.contains(":"), portText.isEmpty || portText.hasPrefix(":") else { return nil }
        } else {
            name = authority.prefix { $0 != ":" }
            portText = authority.dropFirst(name.count)
        }
        guard !name.isEmpty, !name.contains("["), !name.contains("]") else { return nil }
        self.host = name.lowercased()
        if portText.isEmpty {
            self.port = self.isSecure ? 443 : 80
        } else {
            guard let port = UInt16(portText.dropFirst()), port > 0 else { return nil }
            self.port = Int(port)
        }
    }

    private init(secureHost: String) {
        self.isSecure = true
        self.host = secureHost
        self.port = 443
        self.path = "/"
    }

    /// The regional endpoint of a service.
    public static func regional(service: String, region: String) -> ServiceEndpoint {
        let suffix = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        return ServiceEndpoint(secureHost: "\(service).\(region).\(suffix)")
    }

    /// STS without a region, where nobody said which one.
    static let globalSTS = ServiceEndpoint(secureHost: "sts.amazonaws.com")

    /// What the `Host` header says: with the port unless it is the scheme's own.
    public var authority: String {
        let name = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == (self.isSecure ? 443 : 80) ? name : "\(name):\(self.port)"
    }

    /// The endpoint as a URL.
    public var url: String { self.origin + self.path }

    /// Scheme and authority.
    var origin: String { (self.isSecure ? "https://" : "http://") + self.authority }

    /// A queue's URL as the service gave it, moved to this endpoint when that was configured and the URL has another
    /// host or port, as emulators behind a service name do; the path is kept (`sidecar.md` 7.2).
    public func moved(queueURL: String) -> String {
        guard let theirs = ServiceEndpoint(parsing: queueURL) else { return queueURL }
        if theirs.host == self.host, theirs.port == self.port, theirs.isSecure == self.isSecure { return queueURL }
        return self.origin + theirs.path
    }
}

extension ServiceEndpoint: CustomStringConvertible {
    /// The URL.
    public var description: String { self.url }
}
