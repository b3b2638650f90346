import Support

/// Requests to the endpoints of a container and of a virtual machine, and their JSON replies.
enum MetadataEndpoints {
    /// Both are on the machine; a packet that is not answered at once is not answered at all.
    static let timeout = Duration.seconds(2)
    /// How long a token of the instance's service is good: the longest it gives.
    private static let tokenSeconds = 21_600
    /// The instance's service may hand out credentials that have just ended when it cannot get new ones; AWS's clients go
    /// on using them, and look again after this time.
    private static let extensionSeconds: Int64 = 600

    static let containerName = "the container credentials endpoint"
    static let instanceName = "the instance metadata endpoint"

    static func container(_ endpoint: CredentialSource.ContainerEndpoint, token: String?) -> CredentialRequest {
        var headers = [CredentialRequest.Header(name: "Accept", value: "application/json")]
        if let token { headers.append(CredentialRequest.Header(name: "Authorization", value: token)) }
        return self.request("GET", endpoint.url, headers, name: self.containerName)
    }

    static func instanceToken(_ instance: CredentialSource.InstanceMetadata) -> CredentialRequest {
        let lifetime = CredentialRequest.Header(
            name: "X-aws-ec2-metadata-token-ttl-seconds",
            value: String(self.tokenSeconds)
        )
        return self.request("PUT", "\(instance.origin)/latest/api/token", [lifetime], name: self.instanceName)
    }

    static func instanceRole(_ instance: CredentialSource.InstanceMetadata, token: String) -> CredentialRequest {
        self.instanceCredentials(instance, token: token, role: "")
    }

    static func instanceCredentials(
        _ instance: CredentialSource.InstanceMetadata,
        token: String,
        role: String
    ) -> CredentialRequest {
        self.request(
            "GET",
            "\(instance.origin)/latest/meta-data/iam/security-credentials/\(URLText.escaped(role))",
            [CredentialRequest.Header(name: "X-aws-ec2-metadata-token", value: token)],
            name: self.instanceName
        )
    }

    /// One line of printable ASCII: a token of the instance's service, the name of a role, or a token of a file.
    static func line(_ bytes: [UInt8], of what: String) throws(CredentialError) -> String {
        var text = bytes[...]
        while let last = text.last, last == 0x0A || last == 0x0D || last == 0x20 { text.removeLast() }
        // Several roles may be listed, one per line; the first is the one that is used.
        if let end = text.firstIndex(of: 0x0A) { text = text[..<end] }
        if text.last == 0x0D { text.removeLast() }
        guard !text.isEmpty, text.count <= Credentials.partByteLimit, text.allSatisfy({ (0x20...0x7E).contains($0) })
        else { throw .malformedReply(what: what, reason: "not one line of printable text") }
        return String(decoding: text, as: UTF8.self)
    }

    static func credentials(
        _ reply: CredentialReply,
        from what: String,
        nowEpochSeconds now: Int64
    ) throws(CredentialError) -> Credentials {
        let text = String(decoding: reply.body, as: UTF8.self)
        let members = (try? JSONValue(parsing: text))?.members  // What is not JSON has no members to show.
        guard reply.status == 200 else { throw self.refusal(what, reply.status, members) }
        guard let members else { throw .malformedReply(what: what, reason: "not a JSON object") }
        if let code = members["Code"]?.string, code != "Success" { throw self.refusal(what, reply.status, members) }
        guard let key = members["AccessKeyId"]?.string, let secret = members["SecretAccessKey"]?.string else {
            throw .malformedReply(what: what, reason: "no AccessKeyId or no SecretAccessKey")
        }
        var expiration: Int64?
        if let text = members["Expiration"]?.string {
            guard let seconds = EpochTime.seconds(text) else {
                throw .malformedReply(what: what, reason: "its Expiration is not a time")
            }
            expiration = what == self.instanceName ? max(seconds, now + self.extensionSeconds) : seconds
        }
        return try Credentials(
            accessKeyID: key,
            secretAccessKey: secret,
            sessionToken: members["Token"]?.string,
            expiration: expiration
        )
    }

    static func refusal(_ what: String, _ status: Int, _ members: [String: JSONValue]?) -> CredentialError {
        let code = members?["Code"]?.string ?? members?["code"]?.string ?? "HTTP \(status)"
        let message = members?["Message"]?.string ?? members?["message"]?.string ?? ""
        return .refused(
            what: what,
            status: status,
            code: code,
            message: String(message.prefix(SQSError.messageByteLimit))
        )
    }

    private static func request(
        _ method: String,
        _ url: String,
        _ headers: [CredentialRequest.Header],
        name: String
    ) -> CredentialRequest {
        CredentialRequest(
            method: method,
            url: url,
            headers: headers,
            body: [],
            timeout: self.timeout,
            mayUseProxy: false,
            name: name
        )
    }
}
