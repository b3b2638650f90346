internal import HTTPTypes

/// Finds the endpoint of a request. Pure; the order of checks is the contract's: method (405), then path (400).
struct RouteTable: Sendable {
    enum Resolution {
        case found(Route, Route.Handler, parameters: [String])
        case methodNotAllowed(Route)
        /// A path below `/envelopes/` that is none: the text says which kind.
        case badPath(String)
        case notFound
    }

    private let fixed: [String: Route]
    private let patterns: [Route]

    init(_ routes: [Route]) {
        var fixed: [String: Route] = [:]
        for route in routes where !route.path.contains("{") {
            precondition(fixed.updateValue(route, forKey: route.path) == nil, "\(route.path) is in the table twice")
        }
        self.fixed = fixed
        self.patterns = routes.filter { $0.path.contains("{") }
    }

    /// - Parameter path: as in the request line, without the query.
    func resolve(_ method: HTTPRequest.Method, path: String) -> Resolution {
        if let route = self.fixed[path] { return self.resolve(method, route, []) }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 }
        for route in self.patterns {
            guard let values = self.match(segments, route), !values.contains("") else { continue }
            return self.resolve(method, route, values)
        }
        return self.resolveBelowEnvelopes(method, segments)
    }

    private func resolve(_ method: HTTPRequest.Method, _ route: Route, _ parameters: [String]) -> Resolution {
        if let handler = route.handler(for: method) { return .found(route, handler, parameters: parameters) }
        switch route.otherMethods {
        case .notAllowed: return .methodNotAllowed(route)
        case .notFound: return .notFound
        }
    }

    /// Values of the pattern's parameters; nil when the path is another one.
    private func match(_ segments: [Substring], _ route: Route) -> [String]? {
        guard segments.count == route.segments.count else { return nil }
        var values: [String] = []
        for (segment, pattern) in zip(segments, route.segments) {
            if pattern.first == "{" {
                guard let value = PercentText.decoded(segment) else { return nil }
                values.append(value)
            } else if segment != pattern {
                return nil
            }
        }
        return values
    }

    /// Malformed paths below `/envelopes/`: the suffix decides which endpoint was meant (`gateway.md` 3).
    private func resolveBelowEnvelopes(_ method: HTTPRequest.Method, _ segments: [Substring]) -> Resolution {
        guard segments.count > 1, segments[0] == "envelopes" else { return .notFound }
        let kind = segments.count > 2 ? String(segments[segments.count - 1]) : ""
        let meant = self.patterns.first { $0.path == "/envelopes/{id}/\(kind)" }
        let route = meant ?? self.patterns.first { $0.path == "/envelopes/{id}" }
        guard let route else { return .notFound }
        guard route.handler(for: method) != nil else { return .methodNotAllowed(route) }
        return .badPath(meant == nil ? "Invalid envelope path" : "Invalid envelope \(kind) path")
    }
}

/// Percent escapes of URLs (RFC 3986, 2.1).
enum PercentText {
    /// Resolves escapes; nil when one is malformed or the result is not UTF-8.
    static func decoded(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var input = text.utf8.makeIterator()
        while let byte = input.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = input.next().flatMap(Self.digit), let low = input.next().flatMap(Self.digit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Escapes everything but unreserved characters, for one path segment.
    static func encodedSegment(_ text: String) -> String {
        // Nearly every id and name is what it becomes.
        guard !text.utf8.allSatisfy(self.isUnreserved) else { return text }
        var encoded = ""
        for byte in text.utf8 {
            if self.isUnreserved(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
