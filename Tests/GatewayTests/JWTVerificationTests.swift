import Crypto
import CryptoExtras
import Foundation
import Testing

@testable import Gateway

/// Signs with BoringSSL what the gateway verifies with OpenSSL.
private struct Issuer {
    var algorithm: String
    /// The public key's members in a key set.
    var members: String
    var sign: (Data) throws -> Data

    static func url(_ bytes: some DataProtocol) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func point(_ curve: String, _ raw: Data) -> String {
        let half = raw.count / 2
        return """
            "kty":"EC","crv":"\(curve)","x":"\(self.url(raw.prefix(half)))","y":"\(self.url(raw.suffix(half)))"
            """
    }

    static func es256(_ key: P256.Signing.PrivateKey = .init()) -> Issuer {
        Issuer(algorithm: "ES256", members: self.point("P-256", key.publicKey.rawRepresentation)) {
            try key.signature(for: $0).rawRepresentation
        }
    }

    static func all() throws -> [Issuer] {
        let p384 = P384.Signing.PrivateKey()
        let p521 = P521.Signing.PrivateKey()
        let ed25519 = Curve25519.Signing.PrivateKey()
        let edwards = "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"\(self.url(ed25519.publicKey.rawRepresentation))\""
        return [
            self.es256(),
            Issuer(algorithm: "ES384", members: self.point("P-384", p384.publicKey.rawRepresentation)) {
                try p384.signature(for: $0).rawRepresentation
            },
            Issuer(algorithm: "ES512", members: self.point("P-521", p521.publicKey.rawRepresentation)) {
                try p521.signature(for: $0).rawRepresentation
            },
            Issuer(algorithm: "EdDSA", members: edwards) { try ed25519.signature(for: $0) },
        ] + (try self.rsa(bits: 2048))
    }

    static func rsa(bits: Int) throws -> [Issuer] {
        let key = try _RSA.Signing.PrivateKey(unsafeKeySize: _RSA.Signing.KeySize(bitCount: bits))
        let numbers = try key.publicKey.getKeyPrimitives()
        let members = """
            "kty":"RSA","n":"\(self.url(numbers.modulus))","e":"\(self.url(numbers.publicExponent))"
            """
        return [("RS256", _RSA.Signing.Padding.insecurePKCS1v1_5), ("PS256", .PSS)].map { name, padding in
            Issuer(algorithm: name, members: members) { data in
                try key.signature(for: SHA256.hash(data: data), padding: padding).rawRepresentation
            }
        }
    }

    func keySet(_ more: String = "\"kid\":\"k1\",\"use\":\"sig\"") -> String {
        "{\"keys\":[{\(self.members),\(more)}]}"
    }

    func token(_ claims: String = claims(), header: String? = nil) throws -> String {
        let header = header ?? "{\"alg\":\"\(self.algorithm)\",\"kid\":\"k1\"}"
        let signed = "\(Self.url(Data(header.utf8))).\(Self.url(Data(claims.utf8)))"
        return "\(signed).\(Self.url(try self.sign(Data(signed.utf8))))"
    }
}

private let now = EpochTime(microseconds: 1_800_000_000_000_000)

/// A good set of claims; `overrides` replaces members, nil removes one.
private func claims(_ overrides: [String: String?] = [:]) -> String {
    var members: [String: String?] = [
        "iss": "\"https://issuer.example\"", "sub": "\"alice\"", "aud": "\"gateway\"", "exp": "1800000600",
    ]
    members.merge(overrides) { _, new in new }
    return "{" + members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }.joined(separator: ",") + "}"
}

private func verification(_ keySet: String) throws -> JWTVerification {
    try JWTVerification(jwks: keySet, issuer: "https://issuer.example", audience: "gateway")
}

@Suite("Tokens of an authorization server")
struct JWTVerificationTests {
    @Test("Every algorithm with a public key names the subject of a good token, and refuses a changed one")
    func algorithms() throws {
        for issuer in try Issuer.all() {
            let verification = try verification(issuer.keySet())
            let token = try issuer.token()
            #expect(verification.subject(of: token, now: now) == "alice", "\(issuer.algorithm)")
            let parts = token.split(separator: ".")
            let other = Issuer.url(Data(claims(["sub": "\"mallory\""]).utf8))
            #expect(verification.subject(of: "\(parts[0]).\(other).\(parts[2])", now: now) == nil)
            #expect(verification.subject(of: "\(parts[0]).\(parts[1]).\(parts[2].dropLast(4))", now: now) == nil)
            #expect(verification.subject(of: "\(parts[0]).\(parts[1]).", now: now) == nil)
            #expect(verification.subject(of: token + ".", now: now) == nil)
        }
    }

    @Test(
        "Claims that are refused",
        arguments: [
            ["aud": "\"somebody\""], ["aud": nil], ["aud": "[]"], ["aud": "5"], ["iss": "\"https://other.example\""],
            ["iss": nil], ["exp": "1799999999"], ["exp": "1800000000"], ["exp": nil], ["exp": "\"1800000600\""],
            ["nbf": "1800000001"], ["nbf": "\"soon\""], ["sub": "5"],
        ] as [[String: String?]]
    )
    func refusedClaims(overrides: [String: String?]) throws {
        let issuer = Issuer.es256()
        let token = try issuer.token(claims(overrides))
        #expect(try verification(issuer.keySet()).subject(of: token, now: now) == nil)
    }

    @Test("Claims that are accepted")
    func acceptedClaims() throws {
        let issuer = Issuer.es256()
        let verification = try verification(issuer.keySet())
        func subject(_ overrides: [String: String?]) throws -> String? {
            verification.subject(of: try issuer.token(claims(overrides)), now: now)
        }
        #expect(try subject(["aud": "[\"other\",\"gateway\"]"]) == "alice")
        #expect(try subject(["nbf": "1800000000"]) == "alice")
        #expect(try subject(["exp": "1800000000.5"]) == "alice")
        #expect(try subject(["sub": nil]) == "")
    }

    @Test("A token cannot choose what a key is used for")
    func confusion() throws {
        let issuer = Issuer.es256()
        let verification = try verification(issuer.keySet())
        let body = Issuer.url(Data(claims().utf8))
        // The public key as the secret of an HMAC, and no signature at all.
        let unsigned = "\(Issuer.url(Data("{\"alg\":\"HS256\",\"kid\":\"k1\"}".utf8))).\(body)"
        let secret = SymmetricKey(data: Data(issuer.keySet().utf8))
        let code = HMAC<SHA256>.authenticationCode(for: Data(unsigned.utf8), using: secret)
        #expect(verification.subject(of: "\(unsigned).\(Issuer.url(Data(code)))", now: now) == nil)
        for name in ["none", "None", "", "ES384", "RS256", "EdDSA", "HS256"] {
            let header = "{\"alg\":\"\(name)\",\"kid\":\"k1\"}"
            #expect(verification.subject(of: try issuer.token(header: header), now: now) == nil, "\(name)")
            #expect(verification.subject(of: "\(Issuer.url(Data(header.utf8))).\(body).", now: now) == nil, "\(name)")
        }
        for text in ["", "abc", "a.b.c", "..", "\(body).\(body).\(body)"] {
            #expect(verification.subject(of: text, now: now) == nil)
        }
        let critical = try issuer.token(header: "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"b64\"],\"b64\":false}")
        #expect(verification.subject(of: critical, now: now) == nil)
    }

    @Test("A key is used for its own algorithm and id only")
    func keyRestrictions() throws {
        for issuer in try Issuer.rsa(bits: 2048) {
            let other = issuer.algorithm == "RS256" ? "PS256" : "RS256"
            let bound = try verification(issuer.keySet("\"alg\":\"\(other)\""))
            #expect(bound.subject(of: try issuer.token(), now: now) == nil)
        }
        let issuer = Issuer.es256()
        let named = try verification(issuer.keySet("\"kid\":\"k2\""))
        #expect(named.subject(of: try issuer.token(), now: now) == nil)
        #expect(named.subject(of: try issuer.token(header: "{\"alg\":\"ES256\"}"), now: now) == "alice")
        let foreign = try verification(Issuer.es256().keySet())
        #expect(foreign.subject(of: try issuer.token(), now: now) == nil)
    }

    @Test("Key sets: what is skipped and what is refused")
    func keySets() throws {
        let good = Issuer.es256()
        let skipped = """
            {"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"secp256k1"},{\(good.members),"use":"enc"},
            {\(good.members),"key_ops":["encrypt"]},{"kty":"OKP","crv":"X25519","x":"AA"}
            """
        let mixed = try verification("{\"keys\":[\(skipped),{\(good.members)}]}")
        #expect(mixed.subject(of: try good.token(), now: now) == "alice")
        #expect(throws: JSONWebKeySet.Fault.empty) { try JSONWebKeySet("{\"keys\":[\(skipped)]}") }
        for text in ["", "[]", "{}", "{\"keys\":{}}"] {
            #expect(throws: JSONWebKeySet.Fault.notKeySet) { try JSONWebKeySet(text) }
        }
        let zeros = String(repeating: "A", count: 43)
        let weak = try #require(try Issuer.rsa(bits: 1024).first)
        let bad = [
            "5", "{\"kty\":\"EC\",\"crv\":\"P-256\"}", "{\"kty\":\"RSA\",\"n\":\"AQAB\"}",
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\(zeros)\",\"y\":\"\(zeros)\"}",
            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "{\(weak.members)}",
        ]
        for key in bad {
            #expect(throws: JSONWebKeySet.Fault.badKey(index: 1)) {
                try JSONWebKeySet("{\"keys\":[{\(good.members)},\(key)]}")
            }
        }
    }
}
