internal import COpenSSL

/// Algorithms with a public key of RFC 7518 and RFC 8037. `none` and those with a shared secret are not among them, so
/// that no token can ask for them.
enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// Ed25519 hashes by itself.
    fileprivate var digest: OpaquePointer? {
        switch self {
        case .rs256, .ps256, .es256: EVP_sha256()
        case .rs384, .ps384, .es384: EVP_sha384()
        case .rs512, .ps512, .es512: EVP_sha512()
        case .edDSA: nil
        }
    }

    fileprivate var usesPSS: Bool { self == .ps256 || self == .ps384 || self == .ps512 }
}

/// A public key of libcrypto, and the signatures it can verify.
///
/// `@unchecked Sendable`: the key is never changed after it was made, and libcrypto lets any number of threads verify
/// with it, each in a context of its own.
final class SignatureKey: @unchecked Sendable {
    /// Curves of RFC 7518; the name is libcrypto's too.
    enum Curve: String {
        case p256 = "P-256"
        case p384 = "P-384"
        case p521 = "P-521"

        fileprivate var coordinateByteCount: Int {
            switch self {
            case .p256: 32
            case .p384: 48
            case .p521: 66
            }
        }
    }

    /// What a key is.
    enum Kind: Equatable {
        case rsa
        case ellipticCurve(Curve)
        case ed25519

        /// nil for kinds that we cannot use.
        init?(type: String?, curve: String?) {
            switch type {
            case "RSA": self = .rsa
            case "EC":
                guard let curve = curve.flatMap(Curve.init) else { return nil }
                self = .ellipticCurve(curve)
            case "OKP" where curve == "Ed25519": self = .ed25519
            default: return nil
            }
        }

        func allows(_ algorithm: SignatureAlgorithm) -> Bool {
            switch algorithm {
            case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: self == .rsa
            case .es256: self == .ellipticCurve(.p256)
            case .es384: self == .ellipticCurve(.p384)
            case .es512: self == .ellipticCurve(.p521)
            case .edDSA: self == .ed25519
            }
        }
    }

    /// Bits of an RSA modulus: at least what RFC 7518 demands, at most what verifies in a few milliseconds.
    private static let rsaBits = 2048...16384

    private let kind: Kind
    private let handle: OpaquePointer

    /// Big-endian numbers; nil when they make no acceptable key.
    init?(rsaModulus modulus: [UInt8], exponent: [UInt8]) {
        defer { ERR_clear_error() }
        guard modulus.count <= Self.rsaBits.upperBound / 8, exponent.count <= 8,
            let handle = copenssl_rsa_key(modulus, modulus.count, exponent, exponent.count)
        else { return nil }
        self.kind = .rsa
        self.handle = handle
        guard Self.rsaBits.contains(Int(EVP_PKEY_get_bits(handle))) else { return nil }
    }

    /// A point; nil when it is not on the curve.
    init?(curve: Curve, x: [UInt8], y: [UInt8]) {
        defer { ERR_clear_error() }
        let count = curve.coordinateByteCount
        // 4: both coordinates, uncompressed.
        let point = [4] + x + y
        guard x.count == count, y.count == count,
            let handle = copenssl_ec_key(curve.rawValue, point, point.count)
        else { return nil }
        self.kind = .ellipticCurve(curve)
        self.handle = handle
    }

    /// The 32 bytes of RFC 8032.
    init?(ed25519 bytes: [UInt8]) {
        defer { ERR_clear_error() }
        guard let handle = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count) else { return nil }
        self.kind = .ed25519
        self.handle = handle
    }

    deinit {
        EVP_PKEY_free(self.handle)
    }

    /// Whether this key's owner signed the message with this algorithm; false for algorithms of other kinds of keys.
    func verify(_ signature: [UInt8], of message: [UInt8], algorithm: SignatureAlgorithm) -> Bool {
        guard self.kind.allows(algorithm), let signature = self.encoded(signature) else { return false }
        defer { ERR_clear_error() }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        // Belongs to `context`.
        var options: OpaquePointer?
        guard EVP_DigestVerifyInit(context, &options, algorithm.digest, nil, self.handle) == 1 else { return false }
        if algorithm.usesPSS {
            guard EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1,
                EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1
            else { return false }
        }
        return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    /// libcrypto wants the two numbers of ECDSA in DER, tokens have them side by side (RFC 7518, 3.4).
    private func encoded(_ signature: [UInt8]) -> [UInt8]? {
        guard case .ellipticCurve(let curve) = self.kind else { return signature }
        let count = curve.coordinateByteCount
        guard signature.count == 2 * count, let pair = ECDSA_SIG_new() else { return nil }
        defer { ECDSA_SIG_free(pair) }
        let numbers = [signature[..<count], signature[count...]].map { half in
            half.withUnsafeBufferPointer { BN_bin2bn($0.baseAddress, Int32($0.count), nil) }
        }
        guard ECDSA_SIG_set0(pair, numbers[0], numbers[1]) == 1 else {
            for number in numbers { BN_free(number) }
            return nil
        }
        let length = i2d_ECDSA_SIG(pair, nil)
        guard length > 0 else { return nil }
        var der = [UInt8](repeating: 0, count: Int(length))
        let written = der.withUnsafeMutableBufferPointer { buffer in
            var position = buffer.baseAddress
            return i2d_ECDSA_SIG(pair, &position)
        }
        return written == length ? der : nil
    }
}
