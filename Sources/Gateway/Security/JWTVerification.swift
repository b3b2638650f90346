internal import MCP

/// Tokens of an OAuth 2.1 authorization server: signature by its key set, issuer, audience and times are checked
/// (RFC 7519, in the compact form of RFC 7515).
struct JWTVerification: Sendable {
    private let keys: JSONWebKeySet
    private let issuer: String?
    private let audience: String

    /// - Parameter jwks: the issuer's key set (RFC 7517).
    init(jwks: String, issuer: String?, audience: String) throws(JSONWebKeySet.Fault) {
        self.keys = try JSONWebKeySet(jwks)
        self.issuer = issuer
        self.audience = audience
    }

    /// The token's subject; nil when it is not to be accepted. Why is nobody's business but the issuer's.
    func subject(of token: String, now: EpochTime = .now()) -> String? {
        let parts = token.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Self.object(parts[0]), let signature = Base64.decodeURLSafe(parts[2]),
            // Extensions that must be understood: there is none that we do.
            header["crit"] == nil,
            let algorithm = header["alg"]?.string.flatMap(SignatureAlgorithm.init)
        else { return nil }
        let signed = Array(token.utf8.prefix(parts[0].count + 1 + parts[1].count))
        let keyID = header["kid"]?.string
        guard self.keys.verify(signature, of: signed, algorithm: algorithm, keyID: keyID),
            let claims = Self.object(parts[1])
        else { return nil }
        return self.subject(claims, now: now)
    }

    private func subject(_ claims: JSONElement, now: EpochTime) -> String? {
        let seconds = Double(now.microseconds) / 1e6
        guard let expiry = claims["exp"]?.number, expiry > seconds else { return nil }
        if let start = claims["nbf"] {
            guard let start = start.number, start <= seconds else { return nil }
        }
        if let issuer = self.issuer, claims["iss"]?.string != issuer { return nil }
        let audiences = claims["aud"].flatMap { $0.elements ?? [$0] } ?? []
        guard audiences.contains(where: { $0.string == self.audience }) else { return nil }
        guard let subject = claims["sub"] else { return "" }
        return subject.string
    }

    private static func object(_ part: Substring.UTF8View) -> JSONElement? {
        guard let bytes = Base64.decodeURLSafe(part), let root = JSONDocument(bytes)?.root, root.kind == .object else {
            return nil
        }
        return root
    }
}
