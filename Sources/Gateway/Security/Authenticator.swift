internal import AWS
internal import HTTPTypes
internal import Synchronization

/// Who may use which endpoints (`gateway.md` 24.1, 25.12). Open to everybody until something is configured.
public final class Authenticator: Sendable {
    /// What is accepted.
    public struct Credentials: Sendable {
        /// Static tokens of clients, by digest.
        var clients: TokenSet?
        /// Tokens that an issuer signed.
        var jwt: JWTVerification?
        /// Tokens of sidecars.
        var sidecars: TokenSet?

        /// Nothing is asked for.
        public init() {}
    }

    private let credentials: Mutex<Credentials>
    private let resourceMetadataURL: String?

    /// - Parameter resourceMetadataURL: where clients learn who issues tokens.
    public init(_ credentials: Credentials = Credentials(), resourceMetadataURL: String? = nil) {
        self.credentials = Mutex(credentials)
        self.resourceMetadataURL = resourceMetadataURL
    }

    /// Takes over changed files.
    public func replace(_ credentials: Credentials) {
        self.credentials.withLock { $0 = credentials }
    }

    /// Whether clients have to say who they are.
    public var protectsClients: Bool { self.credentials.withLock { $0.clients != nil || $0.jwt != nil } }
    /// Whether sidecars have to.
    public var protectsSidecars: Bool { self.credentials.withLock { $0.sidecars != nil } }

    /// The caller's name; nil when nobody is asked.
    ///
    /// - Throws: `RequestRefusal` with 401.
    func authenticate(_ header: String?, access: Route.Access) throws -> String? {
        let credentials = self.credentials.withLock { $0 }
        let token = Self.bearerToken(header)
        switch access {
        case .open: return nil
        case .sidecar: return try self.sidecar(token, credentials)
        case .client: return try self.client(token, credentials)
        case .clientOrSidecar:
            if credentials.sidecars == nil && (credentials.clients != nil || credentials.jwt != nil) {
                // Sidecars have no token to send then, and the answer tells only what its asker knows the id of.
                return nil
            }
            if let token, credentials.sidecars?.name(of: token) != nil { return nil }
            return try self.client(token, credentials)
        }
    }

    private func sidecar(_ token: String?, _ credentials: Credentials) throws -> String? {
        guard let sidecars = credentials.sidecars else { return nil }
        guard let token, sidecars.name(of: token) != nil else { throw self.unauthorized(hasToken: token != nil) }
        return nil
    }

    private func client(_ token: String?, _ credentials: Credentials) throws -> String? {
        guard credentials.clients != nil || credentials.jwt != nil else { return nil }
        guard let token else { throw self.unauthorized(hasToken: false) }
        if let name = credentials.clients?.name(of: token) { return name }
        if let jwt = credentials.jwt, let subject = jwt.subject(of: token) { return "jwt:" + subject }
        throw self.unauthorized(hasToken: true)
    }

    private func unauthorized(hasToken: Bool) -> RequestRefusal {
        var challenge = "Bearer"
        if hasToken { challenge += " error=\"invalid_token\"" }
        if let url = self.resourceMetadataURL {
            challenge += "\(hasToken ? "," : "") resource_metadata=\"\(url)\""
        }
        return RequestRefusal(.unauthorized, "Unauthorized", headers: [.wwwAuthenticate: challenge])
    }

    /// The token of `Authorization: Bearer …`; tokens in the query string are never accepted.
    static func bearerToken(_ header: String?) -> String? {
        guard let header else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        let token = parts[1].drop { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }
}

/// Static tokens. Only digests stay in memory, and looking one up takes the same time for every wrong token.
struct TokenSet: Sendable {
    private let namesByDigest: [String: String]

    /// One token per line, optionally `name:token`; empty lines and those that start with `#` do not count.
    init?(file text: String) {
        var names: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let entry = line.trimmingSpaces()
            guard !entry.isEmpty, entry.first != "#" else { continue }
            let parts = entry.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let token = parts.count == 2 ? parts[1].trimmingSpaces() : entry
            guard !token.isEmpty else { return nil }
            let name = parts.count == 2 ? String(parts[0].trimmingSpaces()) : "client"
            names[Self.digest(of: token)] = name
        }
        guard !names.isEmpty else { return nil }
        self.namesByDigest = names
    }

    func name(of token: String) -> String? { self.namesByDigest[Self.digest(of: token)] }

    private static func digest(of token: some StringProtocol) -> String {
        var hash = SHA256Hash()
        hash.update(Array(token.utf8))
        return hash.finish().text
    }
}

extension Substring {
    func trimmingSpaces() -> Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }
}
