/// A short fingerprint of content: FNV-1a over 64 bits. It tells versions of our own objects apart; nothing trusts it.
enum ContentHash {
    /// Sixteen hexadecimal digits.
    static func text(of bytes: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
