import Foundation
import JWTKit
import Testing

@testable import Gateway

@Suite("Tokens of an authorization server")
struct JWTVerificationTests {
    private struct Claims: JWTPayload {
        var iss: IssuerClaim? = "https://issuer.example"
        var sub: SubjectClaim? = "alice"
        var aud: AudienceClaim? = "gateway"
        var exp = ExpirationClaim(value: Date(timeIntervalSinceNow: 600))
        var nbf: NotBeforeClaim?

        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    private let key = ES256PrivateKey()

    /// The key set as an issuer publishes it.
    private func verification(of key: ES256PrivateKey) async throws -> JWTVerification {
        let parameters = try #require(key.publicKey.parameters)
        func url(_ text: String) -> String {
            text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        let jwks = """
            {"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k1",
            "x":"\(url(parameters.x))","y":"\(url(parameters.y))"}]}
            """
        return try await JWTVerification(jwks: jwks, issuer: "https://issuer.example", audience: "gateway")
    }

    private func token(_ claims: Claims, signedBy key: ES256PrivateKey) async throws -> String {
        try await JWTKeyCollection().add(ecdsa: key, kid: "k1").sign(claims, kid: "k1")
    }

    @Test("A good token names its subject")
    func good() async throws {
        let verification = try await self.verification(of: self.key)
        let token = try await self.token(Claims(), signedBy: self.key)
        #expect(await verification.subject(of: token) == "alice")
    }

    @Test("Anything else is refused")
    func bad() async throws {
        let verification = try await self.verification(of: self.key)
        var wrongAudience = Claims()
        wrongAudience.aud = "somebody"
        var noAudience = Claims()
        noAudience.aud = nil
        var wrongIssuer = Claims()
        wrongIssuer.iss = "https://other.example"
        var expired = Claims()
        expired.exp = ExpirationClaim(value: Date(timeIntervalSinceNow: -60))
        var early = Claims()
        early.nbf = NotBeforeClaim(value: Date(timeIntervalSinceNow: 600))
        for claims in [wrongAudience, noAudience, wrongIssuer, expired, early] {
            let subject = await verification.subject(of: try await self.token(claims, signedBy: self.key))
            #expect(subject == nil)
        }
        let foreign = await verification.subject(of: try await self.token(Claims(), signedBy: ES256PrivateKey()))
        #expect(foreign == nil)
        for text in ["", "abc", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."] {
            let subject = await verification.subject(of: text)
            #expect(subject == nil)
        }
    }
}
