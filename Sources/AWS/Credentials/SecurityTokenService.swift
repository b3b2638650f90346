import Support

/// The two calls of STS: form-encoded requests, XML replies.
enum SecurityTokenService {
    static let version = "2011-06-15"
    /// STS answers within a second; a refresh has minutes.
    static let timeout = Duration.seconds(10)

    static func assumeWithWebIdentity(
        _ identity: CredentialSource.WebIdentity,
        token: String
    ) -> CredentialRequest {
        let body = self.form([
            ("Action", "AssumeRoleWithWebIdentity"), ("Version", self.version), ("RoleArn", identity.roleARN),
            ("RoleSessionName", identity.sessionName), ("WebIdentityToken", token),
        ])
        return CredentialRequest(
            method: "POST",
            url: identity.endpoint.url,
            headers: [self.contentType],
            body: body,
            timeout: self.timeout,
            mayUseProxy: true,
            name: "STS AssumeRoleWithWebIdentity"
        )
    }

    static func assume(
        _ role: CredentialSource.AssumedRole,
        with credentials: Credentials,
        atEpochSeconds now: Int64
    ) -> CredentialRequest {
        var fields = [
            ("Action", "AssumeRole"), ("Version", self.version), ("RoleArn", role.roleARN),
            ("RoleSessionName", role.sessionName),
        ]
        if let externalID = role.externalID { fields.append(("ExternalId", externalID)) }
        if let seconds = role.durationSeconds { fields.append(("DurationSeconds", String(seconds))) }
        let body = self.form(fields)
        let signer = RequestSigner(
            credentials: credentials,
            scope: SigningScope(region: role.region, service: "sts")
        )
        let added = signer.headers(
            for: RequestSigner.Request(
                method: "POST",
                path: role.endpoint.path,
                headers: [("Host", role.endpoint.authority), (self.contentType.name, self.contentType.value)],
                payload: .bytes(body)
            ),
            atEpochSeconds: now
        )
        return CredentialRequest(
            method: "POST",
            url: role.endpoint.url,
            headers: [self.contentType] + added.map { CredentialRequest.Header(name: $0.name, value: $0.value) },
            body: body,
            timeout: self.timeout,
            mayUseProxy: true,
            name: "STS AssumeRole"
        )
    }

    static func credentials(_ reply: CredentialReply, to what: String) throws(CredentialError) -> Credentials {
        let text = String(decoding: reply.body, as: UTF8.self)
        guard reply.status == 200 else {
            throw .refused(
                what: what,
                status: reply.status,
                code: XMLText.first("Code", in: text) ?? "no code",
                message: String((XMLText.first("Message", in: text) ?? "").prefix(SQSError.messageByteLimit))
            )
        }
        func part(_ name: String) throws(CredentialError) -> String {
            guard let value = XMLText.first(name, in: text) else {
                throw .malformedReply(what: what, reason: "no \(name)")
            }
            return value
        }
        guard let expiration = EpochTime.seconds(try part("Expiration")) else {
            throw .malformedReply(what: what, reason: "its Expiration is not a time")
        }
        return try Credentials(
            accessKeyID: try part("AccessKeyId"),
            secretAccessKey: try part("SecretAccessKey"),
            sessionToken: try part("SessionToken"),
            expiration: expiration
        )
    }

    private static let contentType = CredentialRequest.Header(
        name: "Content-Type",
        value: "application/x-www-form-urlencoded; charset=utf-8"
    )

    private static func form(_ fields: [(String, String)]) -> [UInt8] {
        Array(fields.map { "\($0.0)=\(URLText.escaped($0.1))" }.joined(separator: "&").utf8)
    }
}

/// Finds the text of an element in the flat, attribute-free XML that STS writes. Not a parser: anything else yields nil.
enum XMLText {
    static func first(_ name: String, in document: String) -> String? {
        let open = Array("<\(name)>".utf8)
        let close = Array("</\(name)>".utf8)
        let bytes = Array(document.utf8)
        guard let start = self.position(of: open, in: bytes, from: 0) else { return nil }
        let contentStart = start + open.count
        guard let end = self.position(of: close, in: bytes, from: contentStart) else { return nil }
        let content = bytes[contentStart..<end]
        guard !content.contains(UInt8(ascii: "<")) else { return nil }
        return self.trimmed(self.withoutEntities(String(decoding: content, as: UTF8.self)))
    }

    private static func position(of pattern: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count - start >= pattern.count else { return nil }
        return (start...(bytes.count - pattern.count)).first { bytes[$0...].starts(with: pattern) }
    }

    private static func withoutEntities(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "&")) else { return text }
        var decoded = ""
        var rest = text[...]
        while let mark = rest.firstIndex(of: "&") {
            decoded += rest[..<mark]
            rest = rest[rest.index(after: mark)...]
            guard let end = rest.firstIndex(of: ";"), let scalar = self.scalar(rest[..<end]) else {
                decoded += "&"
                continue
            }
            decoded.unicodeScalars.append(scalar)
            rest = rest[rest.index(after: end)...]
        }
        return decoded + rest
    }

    private static func scalar(_ entity: Substring) -> Unicode.Scalar? {
        switch entity {
        case "amp": "&"
        case "lt": "<"
        case "gt": ">"
        case "quot": "\""
        case "apos": "'"
        case _ where entity.hasPrefix("#x"): UInt32(entity.dropFirst(2), radix: 16).flatMap { Unicode.Scalar($0) }
        case _ where entity.hasPrefix("#"): UInt32(entity.dropFirst()).flatMap { Unicode.Scalar($0) }
        default: nil
        }
    }

    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
