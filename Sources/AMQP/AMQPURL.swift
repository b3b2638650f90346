import Support

/// A broker's address (`sidecar.md` 6.1): `amqp://user:password@host:port/vhost?heartbeat=10&…`.
///
/// Never prints the password: `description` shows scheme, host, port and virtual host only.
public struct AMQPURL: Equatable, Sendable, CustomStringConvertible {
    /// Whether the connection is encrypted (`amqps`).
    public var isTLS = false
    /// Name or address; no brackets around an IPv6 address.
    public var host = "localhost"
    /// 5672, with TLS 5671, unless given.
    public var port = 5672
    /// guest with password guest unless given.
    public var credentials = Credentials.guest
    /// `/` unless given.
    public var virtualHost = "/"
    /// Query `heartbeat`, in seconds.
    public var heartbeatSeconds: UInt16?
    /// Query `connection_timeout`, in milliseconds.
    public var connectionTimeoutMilliseconds: Int?
    /// Query `channel_max`.
    public var channelMaximum: UInt16?
    /// Query `cacertfile`: PEM file of the authorities; the system's count without it.
    public var caFile: String?
    /// Query `certfile`: PEM file of the client's certificate.
    public var certificateFile: String?
    /// Query `keyfile`: PEM file of the client's key.
    public var keyFile: String?
    /// Query `server_name_indication`: the name that the certificate must carry, when it is not the host's.
    public var serverName: String?
    /// Query `auth_mechanism`.
    public var mechanism = AuthenticationMechanism.plain

    /// What is wrong with an address; names the part, never its content where that could be a secret.
    public struct ParseError: Error, Equatable, CustomStringConvertible {
        /// A part of a sentence whose subject is the address.
        public let description: String
        init(_ description: String) { self.description = description }
    }

    /// An address from its parts, which need no encoding.
    public init(host: String, port: Int, credentials: Credentials) {
        self.host = host
        self.port = port
        self.credentials = credentials
    }

    /// Parses a URL.
    public init(parsing text: String) throws(ParseError) {
        guard let schemeEnd = text.firstRange(of: "://") else {
            throw ParseError("it does not start with amqp:// or amqps://")
        }
        switch text[..<schemeEnd.lowerBound].lowercased() {
        case "amqp": break
        case "amqps":
            self.isTLS = true
            self.port = 5671
        default: throw ParseError("its scheme is neither amqp nor amqps")
        }
        var rest = text[schemeEnd.upperBound...]
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        var query: Substring = ""
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        let pathStart = rest.firstIndex(of: "/") ?? rest.endIndex
        try self.parseAuthority(rest[..<pathStart])
        let path = rest[pathStart...].dropFirst()
        if !path.isEmpty { self.virtualHost = try Self.decoded(path, "virtual host") }
        try self.parseQuery(query)
    }

    /// Fit for a log line.
    public var description: String {
        "\(self.isTLS ? "amqps" : "amqp")://\(self.host):\(self.port) vhost \(self.virtualHost)"
    }

    private mutating func parseAuthority(_ text: Substring) throws(ParseError) {
        var address = text
        if let at = text.lastIndex(of: "@") {
            address = text[text.index(after: at)...]
            let user = text[..<at]
            let colon = user.firstIndex(of: ":")
            let name = try Self.decoded(user[..<(colon ?? user.endIndex)], "user name")
            let password =
                try colon.map { index throws(ParseError) in
                    try Self.decoded(user[user.index(after: index)...], "password")
                } ?? ""
            self.credentials = Credentials(username: name, password: password)
        }
        try self.parseAddress(address)
    }

    private mutating func parseAddress(_ text: Substring) throws(ParseError) {
        var portText: Substring = ""
        if text.first == "[", let end = text.firstIndex(of: "]") {
            self.host = String(text[text.index(after: text.startIndex)..<end])
            portText = text[text.index(after: end)...]
            guard portText.isEmpty || portText.first == ":" else { throw ParseError("its host is malformed") }
            portText = portText.dropFirst()
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            if colon > text.startIndex { self.host = try Self.decoded(text[..<colon], "host") }
            portText = text[colon...].dropFirst()
        }
        guard !portText.isEmpty else { return }
        guard let port = Int(portText), (1...65535).contains(port) else {
            throw ParseError("its port is not a number from 1 to 65535")
        }
        self.port = port
    }

    private mutating func parseQuery(_ text: Substring) throws(ParseError) {
        for pair in text.split(separator: "&") {
            let separator = pair.firstIndex(of: "=") ?? pair.endIndex
            let key = try Self.decoded(pair[..<separator], "query")
            let value = try Self.decoded(pair[separator...].dropFirst(), "query value of \(key)")
            switch key {
            case "heartbeat": self.heartbeatSeconds = try Self.number(value, key)
            case "channel_max": self.channelMaximum = try Self.number(value, key)
            case "connection_timeout": self.connectionTimeoutMilliseconds = Int(try Self.number(value, key) as UInt32)
            case "cacertfile": self.caFile = value
            case "certfile": self.certificateFile = value
            case "keyfile": self.keyFile = value
            case "server_name_indication": self.serverName = value
            case "auth_mechanism":
                guard let mechanism = AuthenticationMechanism(rawValue: value.uppercased()) else {
                    throw ParseError("its auth_mechanism is not one of PLAIN, AMQPLAIN, EXTERNAL")
                }
                self.mechanism = mechanism
            default: break  // Unknown keys are ignored, as the original did.
            }
        }
    }

    private static func number<Value: FixedWidthInteger>(_ text: String, _ key: String) throws(ParseError) -> Value {
        guard let value = Value(text) else { throw ParseError("its \(key) is not a number in range") }
        return value
    }

    /// Resolves percent escapes (RFC 3986, 2.1).
    private static func decoded(_ text: Substring, _ part: String) throws(ParseError) -> String {
        guard let decoded = URLText.unescaped(text) else {
            throw ParseError("its \(part) has a malformed percent escape or is not UTF-8")
        }
        return decoded
    }
}
