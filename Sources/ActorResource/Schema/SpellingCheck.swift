import Support

/// Finds what somebody who mistyped a name probably meant.
public enum SpellingCheck {
    /// Longer texts are not compared: the work grows with the square.
    private static let lengthLimit = 64
    /// More wrong letters mean another word.
    private static let distanceLimit = 2

    /// The closest of `candidates`, when it is close; of equally close ones the alphabetically first.
    public static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
        let word = Array(lowercasedASCII(name).utf8)
        guard word.count <= self.lengthLimit else { return nil }
        // Of a short word two changes leave nothing.
        let limit = word.count <= 3 ? 1 : self.distanceLimit
        var best: (name: String, distance: Int)?
        for candidate in candidates.sorted() where candidate.utf8.count <= self.lengthLimit {
            let distance = self.distance(word, Array(lowercasedASCII(candidate).utf8))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Letters to insert, remove, replace or swap with their neighbour.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
