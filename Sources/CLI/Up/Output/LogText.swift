/// One line of a process as it is shown: invalid UTF-8 replaced, and nothing in it that moves the cursor, which would
/// destroy the table below or hide lines above.
enum LogText {
    /// Colours (`ESC [ … m`) stay when the output has colours; all other control characters go, tabs excepted.
    static func shown(_ line: [UInt8], keepsColours: Bool) -> String {
        var kept: [UInt8] = []
        kept.reserveCapacity(line.count)
        var position = 0
        while position < line.count {
            let byte = line[position]
            if byte == 0x1B {
                let end = self.endOfSequence(line, from: position)
                let isColour = line[end - 1] == UInt8(ascii: "m") && end - position > 2
                if isColour, keepsColours { kept.append(contentsOf: line[position..<end]) }
                position = end
            } else {
                if byte == UInt8(ascii: "\t") || (byte >= 0x20 && byte != 0x7F) { kept.append(byte) }
                position += 1
            }
        }
        let text = String(decoding: kept, as: UTF8.self)
        return kept.contains(0x1B) ? text + "\u{1B}[0m" : text
    }

    /// The position behind an escape sequence: `ESC [ parameters letter`, or `ESC` and one character.
    private static func endOfSequence(_ line: [UInt8], from start: Int) -> Int {
        var position = start + 1
        guard position < line.count else { return position }
        guard line[position] == UInt8(ascii: "[") else { return position + 1 }
        position += 1
        while position < line.count, line[position] < 0x40 { position += 1 }
        return min(position + 1, line.count)
    }
}
