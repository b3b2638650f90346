/// Hexadecimal text of bytes.
enum Hexadecimal {
    /// Appends two lower-case digits per byte.
    static func append(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        for byte in bytes {
            output.append(self.lowerCaseDigit(byte >> 4))
            output.append(self.lowerCaseDigit(byte & 15))
        }
    }

    /// Writes two lower-case digits per byte at `offset` of `output`, which has room for them.
    static func write(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8], at offset: Int) {
        output.withUnsafeMutableBufferPointer { output in
            var position = offset
            for byte in bytes {
                output[position] = self.lowerCaseDigit(byte >> 4)
                output[position + 1] = self.lowerCaseDigit(byte & 15)
                position += 2
            }
        }
    }

    @inline(__always)
    static func lowerCaseDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }

    /// The value of a digit in either case.
    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
