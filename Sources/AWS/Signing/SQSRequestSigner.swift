/// Signs SQS requests of the AWS JSON 1.0 protocol (`sidecar.md` 7.1) without allocating: everything that does not
/// change from one request to the next is hashed or written once per credentials, day or second.
///
/// Owned by whoever sends; one per endpoint and set of credentials. It never reads a clock: the time is an argument,
/// already corrected by `ClockSkew`.
public struct SQSRequestSigner {
    private static let algorithm: StaticString = "AWS4-HMAC-SHA256"
    private static let digestDigitCount = 2 * SHA256Digest.byteCount

    private let credentials: Credentials
    private let scope: SigningScope
    private let signedHeaderNames: String

    /// Hash state after everything of the canonical request that stands before the date.
    private let hashBeforeDate: SHA256Hash
    /// The same after date and session token, renewed each second.
    private var hashAfterToken: SHA256Hash

    private var time: SigningTime
    private var key: SigningKey
    /// Algorithm, time, scope and, in its last 64 bytes, the hash of the canonical request.
    private var stringToSign: [UInt8] = []
    /// Header lines but for the target, each ended by a zero byte; the signature is the last thing in it.
    private var headerLines: [UInt8] = []

    /// A signer for one endpoint. `host` is exactly what the `Host` header will say, `path` what the request line will.
    public init(credentials: Credentials, region: String, host: String, path: String = "/") {
        self.credentials = credentials
        self.scope = SigningScope(region: region, service: "sqs")
        let tokenName = credentials.sessionToken == nil ? "" : "x-amz-security-token;"
        self.signedHeaderNames = "content-type;host;x-amz-date;\(tokenName)x-amz-target"
        var hash = SHA256Hash()
        hash.update(
            Array(
                """
                POST
                \(CanonicalRequest.path(path, encodesTwice: true))

                content-type:\(SignedHeaders.contentType)
                host:\(host)
                x-amz-date:
                """.utf8
            )
        )
        self.hashBeforeDate = hash
        self.hashAfterToken = hash
        self.time = SigningTime(epochSeconds: 0)
        self.key = SigningKey(secretAccessKey: credentials.secretAccessKey, day: self.time.day, scope: self.scope)
        self.secondChanged()
    }

    /// Writes the headers of a request with this body, the signature among them, over what `headers` holds.
    public mutating func sign(
        _ action: SQSAction,
        body: UnsafeRawBufferPointer,
        atEpochSeconds now: Int64,
        into headers: inout SignedHeaders
    ) {
        if now != self.time.epochSeconds { self.advance(to: now) }
        self.writeRequestHash(action: action, bodyHash: SHA256Hash.digest(of: body))
        self.key.signature(of: self.stringToSign).withBytes {
            // The last byte of the lines is the zero behind the signature.
            let offset = self.headerLines.count - 1 - Self.digestDigitCount
            Hexadecimal.write($0, into: &self.headerLines, at: offset)
        }
        headers.replace(target: action.target, otherLines: self.headerLines)
    }

    private mutating func writeRequestHash(action: SQSAction, bodyHash: SHA256Digest) {
        var hash = self.hashAfterToken
        hash.update("x-amz-target:")
        hash.update(action.target)
        hash.update(self.credentials.sessionToken == nil ? Self.namesWithoutToken : Self.namesWithToken)
        withUnsafeTemporaryAllocation(byteCount: Self.digestDigitCount, alignment: 1) { digits in
            bodyHash.withBytes { bytes in
                for (index, byte) in bytes.enumerated() {
                    digits[2 * index] = Hexadecimal.lowerCaseDigit(byte >> 4)
                    digits[2 * index + 1] = Hexadecimal.lowerCaseDigit(byte & 15)
                }
            }
            hash.update(UnsafeRawBufferPointer(digits))
        }
        hash.finish().withBytes {
            let offset = self.stringToSign.count - Self.digestDigitCount
            Hexadecimal.write($0, into: &self.stringToSign, at: offset)
        }
    }

    private static let namesWithoutToken: StaticString = "\n\ncontent-type;host;x-amz-date;x-amz-target\n"
    private static let namesWithToken: StaticString =
        "\n\ncontent-type;host;x-amz-date;x-amz-security-token;x-amz-target\n"

    private mutating func advance(to now: Int64) {
        let next = SigningTime(epochSeconds: now)
        if !next.isSameDay(as: self.time) {
            self.key = SigningKey(
                secretAccessKey: self.credentials.secretAccessKey,
                day: next.day,
                scope: self.scope
            )
        }
        self.time = next
        self.secondChanged()
    }

    private mutating func secondChanged() {
        self.hashAfterToken = self.hashBeforeDate
        self.hashAfterToken.update(self.time.text)
        self.hashAfterToken.update("\n")
        if let token = self.credentials.sessionToken {
            self.hashAfterToken.update(Array("x-amz-security-token:\(token)\n".utf8))
        }
        let digits = [UInt8](repeating: UInt8(ascii: "0"), count: Self.digestDigitCount)
        let algorithm = Array("\(Self.algorithm)".utf8)
        self.stringToSign = algorithm + [0x0A] + self.time.text + [0x0A] + self.key.credentialScope + [0x0A] + digits

        let zero: [UInt8] = [0]
        self.headerLines = Array("Content-Type: \(SignedHeaders.contentType)".utf8) + zero
        self.headerLines += Array("X-Amz-Date: ".utf8) + self.time.text + zero
        if let token = self.credentials.sessionToken {
            self.headerLines += Array("X-Amz-Security-Token: \(token)".utf8) + zero
        }
        self.headerLines += Array("Authorization: \(Self.algorithm) Credential=\(self.credentials.accessKeyID)/".utf8)
        self.headerLines += self.key.credentialScope
        self.headerLines += Array(", SignedHeaders=\(self.signedHeaderNames), Signature=".utf8) + digits + zero
    }
}

extension SQSRequestSigner: CustomStringConvertible, CustomReflectable {
    /// Nothing of the keys and tokens inside.
    public var description: String { "signer of \(self.scope.service) in \(self.scope.region)" }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}
