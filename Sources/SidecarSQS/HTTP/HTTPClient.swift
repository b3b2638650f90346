import AWS

/// One HTTP/1.1 request.
struct HTTPRequest {
    enum Method: String {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
    }

    var method = Method.get
    var url: String
    /// The headers of a signed request.
    var signedHeaders: SignedHeaders?
    /// `Name: value` lines of any other request.
    var headers: [String] = []
    /// Sent with POST only; not to be changed before the completion was called.
    var body: RequestBuffer?
    /// Limit of everything, connecting included.
    var timeout: Duration
    var connectTimeout = Duration.seconds(5)
    /// False for services of the machine itself (instance metadata, container credentials).
    var usesProxy = true
    /// A longer answer is a failure, so that a peer cannot fill the memory.
    var answerByteLimit = HTTPRequest.smallAnswerByteLimit

    /// Far above every answer but that of a receive call.
    static let smallAnswerByteLimit = 1024 * 1024
}

/// What came back.
struct HTTPAnswer {
    var status: Int
    var body: [UInt8]
    /// The `Date` header, for a clock that is wrong.
    var date: String?
    /// The `x-amzn-query-error` header.
    var queryError: String?
}

/// Why there is no answer. The text is libcurl's own and holds no header and no body.
struct HTTPFailure: Error, Equatable {
    var reason: String
}

/// Sends requests on the loop; the answer always comes later than `start` returns.
protocol HTTPClient: AnyObject {
    func start(_ request: HTTPRequest, completion: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void)
    /// Lets what was started in this turn leave now.
    func flush()
    /// Ends every transfer without an answer and closes the connections.
    func close()
}
