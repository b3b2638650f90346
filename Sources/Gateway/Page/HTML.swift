/// A piece of HTML. Literals are ours and stand as they are; whatever is interpolated is escaped, unless it is HTML
/// itself. So text from outside cannot become markup: there is no other way to make one.
struct HTML: Sendable, ExpressibleByStringInterpolation {
    private(set) var text: String

    init(stringLiteral value: String) { self.text = value }

    init(stringInterpolation: Interpolation) { self.text = stringInterpolation.text }

    /// Pieces one after the other.
    init(_ pieces: [HTML]) { self.text = pieces.map(\.text).joined() }

    static let empty: HTML = ""

    struct Interpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { self.text.reserveCapacity(literalCapacity * 2) }

        mutating func appendLiteral(_ literal: String) { self.text += literal }
        mutating func appendInterpolation(_ html: HTML) { self.text += html.text }
        mutating func appendInterpolation(_ pieces: [HTML]) { for piece in pieces { self.text += piece.text } }
        mutating func appendInterpolation(_ number: Int) { self.text += String(number) }
        mutating func appendInterpolation(_ string: String) { HTML.escape(string, into: &self.text) }
    }

    /// Fit for element content and for attributes in double quotes.
    private static func escape(_ string: String, into text: inout String) {
        for scalar in string.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            // Browsers drop or misread these; a replacement shows that something was there.
            case "\0"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{7F}": text += "\u{FFFD}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
