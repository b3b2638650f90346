import HTTPTypes
import Testing

@testable import Gateway

@Suite("Route table")
struct RouteTableTests {
    private let table = RouteTable(Routes.all())

    private func answer(_ method: String, _ path: String) -> String {
        switch self.table.resolve(HTTPRequest.Method(method) ?? .get, path: path) {
        case .found(let route, _, let parameters): ([route.path] + parameters).joined(separator: " ")
        case .methodNotAllowed: "405"
        case .badPath(let text): "400 \(text)"
        case .notFound: "404"
        }
    }

    @Test(
        "Paths and methods",
        arguments: [
            ("GET", "/health", "/health"), ("DELETE", "/health", "/health"), ("POST", "/tools/call", "/tools/call"),
            ("GET", "/tools/call", "405"), ("PUT", "/tools/call", "405"), ("GET", "/envelopes", "405"),
            ("PUT", "/envelopes", "405"), ("POST", "/envelopes", "/envelopes"),
            ("GET", "/envelopes/x", "/envelopes/{id} x"), ("POST", "/envelopes/x", "405"),
            ("PUT", "/envelopes/x", "405"),
            ("DELETE", "/envelopes/x", "405"), ("POST", "/envelopes/x/active", "405"),
            ("GET", "/envelopes/x/final", "405"), ("GET", "/envelopes/x/progress", "405"),
            ("GET", "/envelopes/a%2Fb", "/envelopes/{id} a/b"),
            ("GET", "/envelopes//active", "400 Invalid envelope active path"),
            ("GET", "/envelopes/", "400 Invalid envelope path"), ("GET", "/envelopes/x/", "400 Invalid envelope path"),
            ("GET", "/envelopes/x/y/active", "400 Invalid envelope active path"),
            ("POST", "/envelopes//progress", "400 Invalid envelope progress path"),
            ("POST", "/envelopes/a/b/final", "400 Invalid envelope final path"),
            ("GET", "/envelopes//stream", "400 Invalid envelope stream path"), ("POST", "/envelopes//stream", "405"),
            ("GET", "/envelopes/x/other", "400 Invalid envelope path"), ("GET", "/", "404"), ("GET", "/nothing", "404"),
            ("GET", "/envelopes/%zz", "400 Invalid envelope path"), ("GET", "/api/v1/tools", "/api/v1/tools"),
        ]
    )
    func resolution(method: String, path: String, expected: String) {
        #expect(self.answer(method, path) == expected)
    }

    @Test("A long id is an id")
    func longID() {
        let id = String(repeating: "a", count: 1000)
        #expect(self.answer("GET", "/envelopes/\(id)/active") == "/envelopes/{id}/active \(id)")
    }
}
