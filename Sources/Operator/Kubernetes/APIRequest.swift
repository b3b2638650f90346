import Support

/// One request to the API server, before it meets credentials and a socket.
struct APIRequest: Sendable, Equatable {
    /// The verbs that are used.
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case patch = "PATCH"
        case delete = "DELETE"
    }

    /// The kinds of bodies.
    enum ContentType: String, Sendable {
        case json = "application/json"
        case mergePatch = "application/merge-patch+json"
        case apply = "application/apply-patch+yaml"
    }

    var method: Method
    var path: String
    var query: [(name: String, value: String)] = []
    var contentType: ContentType?
    var body: JSONValue?

    /// Path and query, escaped.
    var target: String {
        guard !self.query.isEmpty else { return self.path }
        let pairs = self.query.map { "\($0.name)=\(URLText.escaped($0.value))" }
        return "\(self.path)?\(pairs.joined(separator: "&"))"
    }

    static func == (left: APIRequest, right: APIRequest) -> Bool {
        left.method == right.method && left.target == right.target && left.contentType == right.contentType
            && left.body == right.body
    }
}

/// Which objects of a collection are listed and watched.
struct ObjectSelector: Sendable, Equatable {
    /// A label selector; empty for all.
    var labels = ""
    /// A field selector; empty for all.
    var fields = ""

    /// Everything.
    static let all = ObjectSelector()

    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if !self.labels.isEmpty { query.append(("labelSelector", self.labels)) }
        if !self.fields.isEmpty { query.append(("fieldSelector", self.fields)) }
        return query
    }
}
