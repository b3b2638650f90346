/// An HTTP request that a fetch of credentials needs. Whoever owns sockets sends it: libcurl in the sidecar,
/// AsyncHTTPClient in gateway and operator.
public struct CredentialRequest: Sendable, Equatable {
    /// Largest reply that is read; real ones have about 2 KB.
    public static let replyByteLimit = 64 * 1024

    /// `GET`, `PUT` or `POST`.
    public let method: String
    /// The whole URL.
    public let url: String
    /// Names and values, without `Host` and `Content-Length`.
    public let headers: [Header]
    /// Empty for `GET` and `PUT`.
    public let body: [UInt8]
    /// For connecting and the whole reply.
    public let timeout: Duration
    /// Whether a proxy may stand between. Addresses of the machine are asked directly: a proxy would hand out its own
    /// credentials, or ours to others. Redirects are never followed.
    public let mayUseProxy: Bool
    /// What a log line calls it.
    public let name: String

    /// One header.
    public struct Header: Sendable, Equatable {
        /// For instance `Accept`.
        public let name: String
        /// One line.
        public let value: String
    }
}

extension CredentialRequest: CustomStringConvertible, CustomReflectable {
    /// The name; tokens stand in headers and body.
    public var description: String { self.name }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}

/// The reply to a `CredentialRequest`.
public struct CredentialReply: Sendable {
    /// HTTP status.
    public let status: Int
    /// At most `CredentialRequest.replyByteLimit`.
    public let body: [UInt8]

    /// A reply.
    public init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}
