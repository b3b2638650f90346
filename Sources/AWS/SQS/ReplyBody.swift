import Envelope

/// Access to the JSON body of a reply by ranges, without building values.
enum ReplyBody {
    /// The members of the object that every reply is. Members are looked up in the same bytes.
    static func members(of bytes: UnsafeRawBufferPointer) throws(RequestFailure) -> JSONMembers {
        let value: JSONValue
        do {
            value = try JSONValue.scan(bytes)
        } catch {
            throw .malformedReply(error.description)
        }
        guard let members = value.members(in: bytes) else { throw .malformedReply("not an object") }
        return members
    }
}

extension StringToken {
    /// Whether the decoded string is this constant.
    func isNamed(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        text.withUTF8Buffer { self.equals(UnsafeRawBufferPointer($0), in: bytes) }
    }

    /// The value of a string of decimal digits, as SQS writes its numbers.
    func decimal(in bytes: UnsafeRawBufferPointer) -> Int64? {
        let digits = UnsafeRawBufferPointer(rebasing: bytes[self.contents])
        // 18 digits fit into 64 bits whatever they are.
        guard (1...18).contains(digits.count) else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        return value
    }
}
