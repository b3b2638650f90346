import Support

/// What the metrics server understands of a request.
struct HTTPRequest: Equatable {
    enum Method: Equatable {
        case get, head, other
    }

    let method: Method
    /// Without the query.
    let path: String
    let keepsAlive: Bool
    let accept: String
    let acceptsGzip: Bool
    /// Bodies are not read: the connection ends after the answer.
    let hasBody: Bool

    /// Why a request gets an error for an answer; the connection ends after it.
    enum Refusal: Int, Equatable, Error {
        case malformed = 400
        case tooSlow = 408
        case headTooLarge = 431
        case unsupportedVersion = 505
    }

    /// Reads a whole head.
    init(_ bytes: UnsafeRawBufferPointer) throws(Refusal) {
        guard let head = HTTPHead(bytes) else { throw .malformed }
        let words = head.startLine.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, !words[0].isEmpty else { throw .malformed }
        let isOldVersion = words[2] == "HTTP/1.0"
        guard words[2] == "HTTP/1.1" || isOldVersion else {
            throw words[2].hasPrefix("HTTP/") ? .unsupportedVersion : .malformed
        }
        switch words[0] {
        case "GET": self.method = .get
        case "HEAD": self.method = .head
        default: self.method = .other
        }
        guard let path = Self.path(of: words[1]) else { throw .malformed }
        self.path = path
        guard isOldVersion || head.values(of: "host").count == 1 else { throw .malformed }
        let connection = head.elements(of: "connection")
        self.keepsAlive = isOldVersion ? connection.contains("keep-alive") : !connection.contains("close")
        self.accept = head.values(of: "accept").joined(separator: ",")
        self.acceptsGzip = QualityValues(head.values(of: "accept-encoding").joined(separator: ",")).accepts("gzip")
        let lengths = head.values(of: "content-length")
        self.hasBody = head.has("transfer-encoding") || lengths.contains { $0 != "0" }
    }

    /// The path of `/metrics?x=1` and of `http://host/metrics`.
    private static func path(of target: Substring) -> String? {
        var target = target
        if let scheme = ["http://", "https://"].first(where: { target.hasPrefix($0) }) {
            target = target.dropFirst(scheme.count)
            guard let slash = target.firstIndex(of: "/") else { return "/" }
            target = target[slash...]
        }
        guard target.hasPrefix("/") else { return nil }
        return String(target.prefix { $0 != "?" })
    }
}

/// A header such as `gzip;q=0.5, *;q=0`: what is accepted, and how much.
struct QualityValues {
    struct Entry: Equatable {
        let name: String
        /// Parameters other than `q`, in lower case.
        let parameters: [String]
        let quality: Double
    }

    /// A header with more entries is read this far.
    private static let entryLimit = 64

    /// The best first; equal ones in the header's order.
    let entries: [Entry]

    init(_ header: String) {
        var entries: [Entry] = []
        for item in header.split(separator: ",").prefix(Self.entryLimit) {
            let parts = item.split(separator: ";").map { Self.normalised($0) }
            guard let name = parts.first, !name.isEmpty else { continue }
            var quality = 1.0
            var parameters: [String] = []
            for part in parts.dropFirst() {
                if part.hasPrefix("q=") {
                    quality = Double(part.dropFirst(2)) ?? 1
                } else {
                    parameters.append(part)
                }
            }
            entries.append(Entry(name: name, parameters: parameters, quality: quality))
        }
        self.entries = entries.enumerated()
            .sorted { ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset) }
            .map(\.element)
    }

    /// Whether something is accepted by name or by `*`.
    func accepts(_ name: String) -> Bool {
        let entry = self.entries.first { $0.name == name } ?? self.entries.first { $0.name == "*" }
        return (entry?.quality ?? 0) > 0
    }

    private static func normalised(_ text: Substring) -> String {
        lowercasedASCII(String(text.filter { $0 != " " && $0 != "\t" }))
    }
}

extension ExpositionFormat {
    /// The format an `Accept` header asks for, as Go's client library chooses it.
    static func negotiated(accept: String) -> ExpositionFormat {
        for entry in QualityValues(accept).entries where entry.quality > 0 {
            let version = entry.parameters.first { $0.hasPrefix("version=") }.map { String($0.dropFirst(8)) }
            switch (entry.name, version) {
            case ("application/openmetrics-text", "1.0.0"): return .openMetrics(version: "1.0.0")
            case ("application/openmetrics-text", "0.0.1"), ("application/openmetrics-text", nil):
                return .openMetrics(version: "0.0.1")
            case ("text/plain", "0.0.4"), ("text/plain", nil): return .prometheus
            default: continue
            }
        }
        return .prometheus
    }
}
