/// A quantity of Kubernetes (`500m`, `2`, `64Mi`, `1e3`), exact enough to compare limits with requests.
public struct ResourceQuantity: Equatable, Comparable, Sendable {
    /// The amount in its base unit.
    public let amount: Double

    private static let factors: [String: Double] = [
        "": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
        "Ki": 1024, "Mi": 1_048_576, "Gi": 1_073_741_824, "Ti": 1_099_511_627_776, "Pi": 1_125_899_906_842_624,
        "Ei": 1_152_921_504_606_846_976,
    ]

    /// Nil for text that is no quantity.
    public init?(_ text: String) {
        let isNumber: (UInt8) -> Bool = { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        let bytes = Array(text.utf8)
        var end = 0
        if let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { end = 1 }
        while end < bytes.count, isNumber(bytes[end]) { end += 1 }
        let digits = String(decoding: bytes[..<end], as: UTF8.self)
        let suffix = String(decoding: bytes[end...], as: UTF8.self)
        // Foundation-free `Double` does not take `5.` or `.5`, which Kubernetes does.
        let padded = digits.hasSuffix(".") ? digits + "0" : digits
        guard bytes[..<end].contains(where: { (0x30...0x39).contains($0) }), let number = Double(padded) else {
            return nil
        }
        if let factor = Self.factors[suffix] {
            self.amount = number * factor
        } else if let exponent = Self.exponent(suffix), let scaled = Double("\(padded)e\(exponent)"), scaled.isFinite {
            self.amount = scaled
        } else {
            return nil
        }
    }

    private static func exponent(_ suffix: String) -> Int? {
        guard suffix.hasPrefix("e") || suffix.hasPrefix("E") else { return nil }
        return Int(suffix.dropFirst())
    }

    /// By amount.
    public static func < (left: ResourceQuantity, right: ResourceQuantity) -> Bool { left.amount < right.amount }
}
