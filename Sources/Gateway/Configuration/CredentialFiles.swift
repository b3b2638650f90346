internal import FoundationEssentials

/// Reads the files that say who may call.
enum CredentialFiles {
    /// Why a file cannot be used; names it and never shows its content.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    static func load(_ settings: SecuritySettings) throws -> Authenticator.Credentials {
        var credentials = Authenticator.Credentials()
        credentials.clients = try self.tokens(settings.tokensPath, "ASYA_GATEWAY_TOKENS_FILE")
        credentials.sidecars = try self.tokens(settings.internalTokensPath, "ASYA_GATEWAY_INTERNAL_TOKENS_FILE")
        guard let path = settings.jwksPath else {
            guard settings.jwtAudience == nil, settings.jwtIssuer == nil else {
                throw Failure(description: "ASYA_GATEWAY_JWT_… needs ASYA_GATEWAY_JWKS_FILE")
            }
            return credentials
        }
        guard let audience = settings.jwtAudience else {
            throw Failure(description: "ASYA_GATEWAY_JWKS_FILE needs ASYA_GATEWAY_JWT_AUDIENCE")
        }
        let jwks = try self.read(path, "ASYA_GATEWAY_JWKS_FILE")
        do {
            credentials.jwt = try JWTVerification(jwks: jwks, issuer: settings.jwtIssuer, audience: audience)
        } catch {
            throw Failure(description: "ASYA_GATEWAY_JWKS_FILE is not a key set (RFC 7517)")
        }
        return credentials
    }

    private static func tokens(_ path: String?, _ variable: String) throws -> TokenSet? {
        guard let path else { return nil }
        guard let tokens = TokenSet(file: try self.read(path, variable)) else {
            throw Failure(description: "\(variable) has no tokens, or a line without one")
        }
        return tokens
    }

    private static func read(_ path: String, _ variable: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path),
            let text = String(validating: data, as: UTF8.self)
        else {
            throw Failure(description: "\(variable): cannot read \(path)")
        }
        return text
    }
}
