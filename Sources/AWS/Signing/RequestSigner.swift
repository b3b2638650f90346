/// Signs any request to any AWS service (Signature Version 4), for the calls that are rare: STS, S3, tests.
/// `SQSRequestSigner` is its fast counterpart.
public struct RequestSigner: Sendable {
    /// A request before it is signed.
    public struct Request: Sendable {
        /// For instance `GET`.
        public var method: String
        /// The path of the request line, percent-encoded, `/` at least.
        public var path: String
        /// Names and values of the query, not encoded.
        public var query: [(name: String, value: String)]
        /// Headers that will be sent and are to be signed, `Host` among them.
        public var headers: [(name: String, value: String)]
        /// What the signature says about the body.
        public var payload: Payload

        /// A request.
        public init(
            method: String,
            path: String = "/",
            query: [(name: String, value: String)] = [],
            headers: [(name: String, value: String)],
            payload: Payload
        ) {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers
            self.payload = payload
        }
    }

    /// How a body takes part in the signature.
    public enum Payload: Sendable, Equatable {
        /// These bytes are hashed.
        case bytes([UInt8])
        /// Its SHA-256 in lower-case hexadecimal, computed elsewhere.
        case digest(String)
        /// Not at all: S3 over TLS only.
        case unsigned
    }

    private let credentials: Credentials
    private let scope: SigningScope

    /// A signer for one region and service.
    public init(credentials: Credentials, scope: SigningScope) {
        self.credentials = credentials
        self.scope = scope
    }

    /// The headers to add to the request: date, session token, digest for S3, and the signature.
    public func headers(
        for request: Request,
        atEpochSeconds now: Int64
    ) -> [(name: String, value: String)] {
        let time = SigningTime(epochSeconds: now)
        let timeText = String(decoding: time.text, as: UTF8.self)
        let key = SigningKey(secretAccessKey: self.credentials.secretAccessKey, day: time.day, scope: self.scope)
        let payloadHash = Self.hash(of: request.payload)
        var added: [(name: String, value: String)] = [("X-Amz-Date", timeText)]
        if let token = self.credentials.sessionToken { added.append(("X-Amz-Security-Token", token)) }
        if self.scope.service == "s3" { added.append(("X-Amz-Content-Sha256", payloadHash)) }

        let signed = CanonicalRequest.headers(request.headers + added)
        let names = signed.map { $0.name }.joined(separator: ";")
        let canonicalRequest = Self.canonicalRequest(
            request,
            encodesTwice: self.scope.service != "s3",
            signed: signed,
            names: names,
            payloadHash: payloadHash
        )
        let scopeText = String(decoding: key.credentialScope, as: UTF8.self)
        let stringToSign = "AWS4-HMAC-SHA256\n\(timeText)\n\(scopeText)\n" + Self.hash(of: canonicalRequest)
        let signature = key.signature(of: Array(stringToSign.utf8)).text
        let credential = "Credential=\(self.credentials.accessKeyID)/\(scopeText)"
        added.append(
            ("Authorization", "AWS4-HMAC-SHA256 \(credential), SignedHeaders=\(names), Signature=\(signature)")
        )
        return added
    }

    private static func canonicalRequest(
        _ request: Request,
        encodesTwice: Bool,
        signed: [(name: String, value: String)],
        names: String,
        payloadHash: String
    ) -> String {
        let headerText = signed.map { "\($0.name):\($0.value)\n" }.joined()
        return """
            \(request.method)
            \(CanonicalRequest.path(request.path, encodesTwice: encodesTwice))
            \(CanonicalRequest.query(request.query))
            \(headerText)
            \(names)
            \(payloadHash)
            """
    }

    private static func hash(of payload: Payload) -> String {
        switch payload {
        case .bytes(let bytes): bytes.withUnsafeBytes { SHA256Hash.digest(of: $0) }.text
        case .digest(let text): text
        case .unsigned: "UNSIGNED-PAYLOAD"
        }
    }

    private static func hash(of text: String) -> String {
        self.hash(of: .bytes(Array(text.utf8)))
    }
}

extension RequestSigner: CustomStringConvertible, CustomReflectable {
    /// Nothing of the keys and tokens inside.
    public var description: String { "signer of \(self.scope.service) in \(self.scope.region)" }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}
