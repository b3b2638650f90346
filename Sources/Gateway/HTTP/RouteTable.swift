internal import HTTPTypes
import Support

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
                guard let value = URLText.unescaped(segment) else { return nil }
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
