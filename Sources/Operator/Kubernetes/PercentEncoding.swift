/// Percent form of everything but the unreserved characters of RFC 3986.
enum PercentEncoding {
    static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                bytes.append(contentsOf: (byte < 16 ? "%0\(digits)" : "%\(digits)").utf8)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
