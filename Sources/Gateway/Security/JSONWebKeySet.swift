internal import MCP

/// The public keys that an issuer signs with (RFC 7517).
struct JSONWebKeySet: Sendable {
    /// Why a text is no usable key set. Shows nothing of it.
    enum Fault: Error, Equatable {
        case notKeySet
        /// A key of a known type lacks a member, or its numbers make no key.
        case badKey(index: Int)
        /// No key that signatures can be verified with.
        case empty
    }

    private struct Entry: Sendable {
        var id: String?
        /// The only algorithm it may be used with, when it says so.
        var algorithm: String?
        var key: SignatureKey
    }

    private let entries: [Entry]

    /// Keys of unknown types, and those for encryption, are left out, as the RFC asks for.
    init(_ text: String) throws(Fault) {
        guard let root = JSONDocument(Array(text.utf8))?.root, let keys = root["keys"]?.elements else {
            throw .notKeySet
        }
        var entries: [Entry] = []
        for (index, element) in keys.enumerated() {
            guard element.kind == .object else { throw .badKey(index: index) }
            if let use = element["use"], use.string != "sig" { continue }
            if let operations = element["key_ops"]?.elements, !operations.contains(where: { $0.string == "verify" }) {
                continue
            }
            guard let kind = SignatureKey.Kind(type: element["kty"]?.string, curve: element["crv"]?.string) else {
                continue
            }
            guard let key = Self.key(kind, element) else { throw .badKey(index: index) }
            entries.append(Entry(id: element["kid"]?.string, algorithm: element["alg"]?.string, key: key))
        }
        guard !entries.isEmpty else { throw .empty }
        self.entries = entries
    }

    private static func key(_ kind: SignatureKey.Kind, _ element: JSONElement) -> SignatureKey? {
        func number(_ name: String) -> [UInt8]? {
            element[name]?.string.flatMap { Base64.decodeURLSafe($0.utf8) }
        }
        switch kind {
        case .rsa:
            guard let modulus = number("n"), let exponent = number("e") else { return nil }
            return SignatureKey(rsaModulus: modulus, exponent: exponent)
        case .ellipticCurve(let curve):
            guard let x = number("x"), let y = number("y") else { return nil }
            return SignatureKey(curve: curve, x: x, y: y)
        case .ed25519:
            guard let bytes = number("x") else { return nil }
            return SignatureKey(ed25519: bytes)
        }
    }

    /// Whether one of the keys made the signature. A token chooses the key by its id, never what the key may do.
    func verify(_ signature: [UInt8], of message: [UInt8], algorithm: SignatureAlgorithm, keyID: String?) -> Bool {
        self.entries.contains { entry in
            (keyID == nil || entry.id == nil || entry.id == keyID)
                && (entry.algorithm == nil || entry.algorithm == algorithm.rawValue)
                && entry.key.verify(signature, of: message, algorithm: algorithm)
        }
    }
}
