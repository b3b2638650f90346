import Support

/// A point in time as signatures spell it: `20150830T123600Z`, and its first eight characters as the day.
struct SigningTime: Equatable {
    static let byteCount = 16
    static let dayByteCount = 8

    let epochSeconds: Int64
    let text: [UInt8]

    init(epochSeconds: Int64) {
        self.epochSeconds = epochSeconds
        // 2015-08-30T12:36:00Z without its separators.
        self.text = Timestamp.text(epochSeconds: epochSeconds).utf8.filter {
            $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: ":")
        }
        assert(self.text.count == Self.byteCount)
    }

    var day: ArraySlice<UInt8> { self.text[..<Self.dayByteCount] }

    func isSameDay(as other: SigningTime) -> Bool { self.day == other.day }
}
