public import Support

/// Why a request to the API server did not do what it should.
public enum APIError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The server answered with an error.
    case status(APIStatus)
    /// No answer: connection refused or lost, a time limit, TLS.
    case transport(String)
    /// An answer that cannot be read.
    case invalidResponse(String)
    /// An answer above the limit of the client.
    case tooLarge(limit: Int)

    /// What the server said, when it said something.
    public var status: APIStatus? {
        if case .status(let status) = self { return status }
        return nil
    }

    /// The object, or the whole API, does not exist.
    public var isNotFound: Bool { self.status?.code == 404 }

    /// The API itself is not there: 404 for something else than a named object (operator.md 19.8).
    public var isUnknownAPI: Bool { self.isNotFound && self.status?.objectName == nil }

    /// Somebody else wrote first: a stale resourceVersion, or a name that is taken.
    public var isConflict: Bool { self.status?.code == 409 }

    /// A creation found the name taken.
    public var isAlreadyExists: Bool { self.isConflict && self.status?.reason == "AlreadyExists" }

    /// The resourceVersion is too old to continue from.
    public var isExpired: Bool {
        self.status.map { $0.code == 410 || $0.reason == "Expired" || $0.reason == "Gone" } ?? false
    }

    /// The role lacks a right.
    public var isForbidden: Bool { self.status?.code == 403 }

    /// The server asks for patience: throttling or a moment of trouble.
    public var retryAfter: Duration? { self.status?.retryAfter }

    /// One sentence for logs, conditions and events.
    public var description: String {
        switch self {
        case .status(let status): status.message
        case .transport(let text): "API server: \(text)"
        case .invalidResponse(let text): "unreadable answer of the API server: \(text)"
        case .tooLarge(let limit): "answer of the API server above \(limit) bytes"
        }
    }
}

/// An error answer: a `Status` object, or plain text of something in front of the API.
public struct APIStatus: Sendable, Equatable {
    /// The HTTP status code.
    public var code: Int
    /// The machine-readable reason, such as `AlreadyExists`; empty when there was no `Status` object.
    public var reason: String
    /// What the server said.
    public var message: String
    /// The object that the answer is about.
    public var objectName: String?
    /// How long the server wants us to wait.
    public var retryAfter: Duration?

    /// A longer text than this is cut: it goes into conditions and log lines.
    static let messageCharacterLimit = 1024

    /// Reads the body of an error answer.
    public init(code: Int, body: [UInt8], retryAfter: String? = nil) {
        let patience = retryAfter.flatMap { Int($0) }.flatMap { (0...600).contains($0) ? Duration.seconds($0) : nil }
        let text = String(decoding: body, as: UTF8.self)
        // A body that is no JSON is the plain text of a proxy or of an API that is not there.
        let status = (try? JSONValue(parsing: text)) ?? .null
        if status["kind"]?.string == "Status" {
            self.init(status: status, code: code, retryAfter: patience)
            return
        }
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        self.init(
            status: ["message": .string(line.isEmpty ? "HTTP status \(code)" : line)],
            code: code,
            retryAfter: patience
        )
    }

    /// A `Status` object, in an answer or in a watch event.
    public init(status: JSONValue, code: Int? = nil, retryAfter: Duration? = nil) {
        self.code = status["code"]?.integer ?? code ?? 500
        self.reason = status["reason"]?.string ?? ""
        let message = status["message"]?.string ?? "HTTP status \(self.code)"
        self.message = String(message.prefix(Self.messageCharacterLimit))
        self.objectName = status["details"]?["name"]?.string
        let seconds = status["details"]?["retryAfterSeconds"]?.integer
        self.retryAfter = retryAfter ?? seconds.flatMap { (0...600).contains($0) && $0 > 0 ? .seconds($0) : nil }
    }
}
