import COpenSSL

/// The 32 bytes of a SHA-256 digest, in place.
public struct SHA256Digest: Sendable {
    static let byteCount = 32

    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: self.words, body)
    }

    fileprivate mutating func fill(_ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        withUnsafeMutableBytes(of: &self.words) { bytes in
            bytes.withMemoryRebound(to: UInt8.self) { if let start = $0.baseAddress { body(start) } }
        }
    }

    /// 64 lower-case hexadecimal digits.
    public var text: String {
        var digits: [UInt8] = []
        self.appendHexadecimal(to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }

    /// Appends the digest as 64 lower-case hexadecimal digits.
    func appendHexadecimal(to output: inout [UInt8]) {
        self.withBytes { Hexadecimal.append($0, to: &output) }
    }
}

/// A running SHA-256. A plain value: a copy continues on its own, so a state after a constant prefix can be kept.
public struct SHA256Hash {
    private var context = SHA256_CTX()

    /// The hash of nothing yet.
    public init() {
        SHA256_Init(&self.context)
    }

    /// The digest of these bytes.
    static func digest(of bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        var hash = SHA256Hash()
        hash.update(bytes)
        return hash.finish()
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        SHA256_Update(&self.context, bytes.baseAddress, bytes.count)
    }

    /// Adds these bytes.
    public mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { self.update($0) }
    }

    mutating func update(_ text: StaticString) {
        text.withUTF8Buffer { self.update(UnsafeRawBufferPointer($0)) }
    }

    mutating func update(_ digest: SHA256Digest) {
        digest.withBytes { self.update($0) }
    }

    /// Ends the hash; nothing may be added afterwards.
    public consuming func finish() -> SHA256Digest {
        var digest = SHA256Digest()
        digest.fill { SHA256_Final($0, &self.context) }
        return digest
    }
}

/// A key of HMAC-SHA256 with both of its hash states computed once (RFC 2104 section 4).
struct HMACKey {
    private static let blockByteCount = 64

    private let inner: SHA256Hash
    private let outer: SHA256Hash

    init(_ key: UnsafeRawBufferPointer) {
        if key.count > Self.blockByteCount {
            self = SHA256Hash.digest(of: key).withBytes { HMACKey($0) }
            return
        }
        var block = [UInt8](repeating: 0x36, count: Self.blockByteCount)
        for index in 0..<key.count { block[index] ^= key[index] }
        var inner = SHA256Hash()
        inner.update(block)
        for index in 0..<block.count { block[index] ^= 0x36 ^ 0x5C }
        var outer = SHA256Hash()
        outer.update(block)
        self.inner = inner
        self.outer = outer
    }

    func authenticate(_ message: UnsafeRawBufferPointer) -> SHA256Digest {
        var inner = self.inner
        inner.update(message)
        var outer = self.outer
        outer.update(inner.finish())
        return outer.finish()
    }

    func authenticate(_ message: String) -> SHA256Digest {
        var message = message
        return message.withUTF8 { self.authenticate(UnsafeRawBufferPointer($0)) }
    }
}
