/// An answer of the metrics server.
struct HTTPResponse: Equatable {
    var status: Int
    var contentType = "text/plain; charset=utf-8"
    var body: [UInt8]
    var isGzipped = false
    var allowsOnlyGet = false

    init(status: Int, text: String) {
        self.status = status
        self.body = Array(text.utf8)
    }

    init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// Status line and fields, blank line included. The length counts for `HEAD` too, whose body is left out.
    func head(closes: Bool) -> [UInt8] {
        var head = "HTTP/1.1 \(self.status) \(Self.reason(self.status))\r\n"
        head += "Content-Type: \(self.contentType)\r\nContent-Length: \(self.body.count)\r\n"
        if self.isGzipped { head += "Content-Encoding: gzip\r\n" }
        if self.allowsOnlyGet { head += "Allow: GET, HEAD\r\n" }
        if closes { head += "Connection: close\r\n" }
        head += "\r\n"
        return Array(head.utf8)
    }

    static func refusal(_ refusal: HTTPRequest.Refusal) -> HTTPResponse {
        HTTPResponse(status: refusal.rawValue, text: Self.reason(refusal.rawValue) + "\n")
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Status"
        }
    }
}

/// The endpoints of `sidecar.md` 10.1 as a function from request to answer.
struct MetricsEndpoints {
    let render: (ExpositionFormat) -> [UInt8]
    let isReady: () -> Bool
    /// The page compressed, or nil when that fails and it goes out as it is.
    let compress: ([UInt8]) -> [UInt8]?

    func respond(to request: HTTPRequest) -> HTTPResponse {
        guard ["/metrics", "/health", "/ready"].contains(request.path) else {
            return HTTPResponse(status: 404, text: "404 page not found\n")
        }
        guard request.method != .other else {
            var response = HTTPResponse(status: 405, text: "Method Not Allowed\n")
            response.allowsOnlyGet = true
            return response
        }
        switch request.path {
        case "/metrics": return self.page(for: request)
        case "/ready": return self.isReady() ? self.text("OK") : HTTPResponse(status: 503, text: "not ready")
        default: return self.text("OK")
        }
    }

    private func text(_ text: String) -> HTTPResponse { HTTPResponse(status: 200, text: text) }

    private func page(for request: HTTPRequest) -> HTTPResponse {
        let format = ExpositionFormat.negotiated(accept: request.accept)
        let page = self.render(format)
        var response = HTTPResponse(status: 200, contentType: format.contentType, body: page)
        if request.acceptsGzip, let packed = self.compress(page) {
            response.body = packed
            response.isGzipped = true
        }
        return response
    }
}
