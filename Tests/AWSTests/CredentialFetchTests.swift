import Support
import Testing

@testable import AWS

@Suite struct CredentialFetchTests {
    static let now: Int64 = 1_700_000_000
    static let json = Array(
        #"""
        {"Code":"Success","AccessKeyId":"ASIAX","SecretAccessKey":"sec","Token":"tok","Expiration":"2023-11-14T23:00:00Z"}
        """#.utf8
    )

    static func xml(_ key: String) -> [UInt8] {
        Array(
            """
            <AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
            <AccessKeyId>\(key)</AccessKeyId><SecretAccessKey>a&amp;b&#47;</SecretAccessKey>
            <SessionToken>\n tok=/+ \n</SessionToken><Expiration>2023-11-14T23:00:00.000Z</Expiration>
            </Credentials></AssumeRoleResult></AssumeRoleResponse>
            """.utf8
        )
    }

    private func fetch(_ variables: [String: String], config: String? = nil) throws -> CredentialFetch {
        let chain = CredentialChain(
            environment: EnvironmentReader(variables),
            files: SharedConfiguration(credentials: nil, config: config),
            region: "eu-west-1"
        )
        return CredentialFetch(source: try chain.source())
    }

    private func request(_ action: CredentialFetch.Action) throws -> CredentialRequest {
        guard case .send(let request) = action else {
            Issue.record("a request is sent, not \(action)")
            throw CredentialError.noSource
        }
        return request
    }

    private func ok(_ body: [UInt8]) -> CredentialReply { CredentialReply(status: 200, body: body) }

    @Test("keys from variables are there at once")
    func fixed() throws {
        var fetch = try self.fetch(["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"])
        let expected = try Credentials(accessKeyID: "A", secretAccessKey: "s")
        #expect(fetch.begin(nowEpochSeconds: Self.now) == .finished(expected))
    }

    @Test("web identity: token file, then STS without a signature, then credentials")
    func webIdentity() throws {
        var fetch = try self.fetch([
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn:aws:iam::1:role/r", "AWS_ROLE_SESSION_NAME": "me",
        ])
        #expect(fetch.begin(nowEpochSeconds: Self.now) == .readFile(path: "/t"))
        let request = try self.request(fetch.fileRead(Array("head.body+sig\n".utf8)))
        #expect(request.method == "POST" && request.url == "https://sts.eu-west-1.amazonaws.com/")
        #expect(request.headers.map { $0.name } == ["Content-Type"] && request.mayUseProxy)
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
                + "&RoleSessionName=me&WebIdentityToken=head.body%2Bsig"
        )
        let expected = try Credentials(
            accessKeyID: "ASIA1",
            secretAccessKey: "a&b/",
            sessionToken: "tok=/+",
            expiration: 1_700_002_800
        )
        #expect(fetch.replied(self.ok(Self.xml("ASIA1")), nowEpochSeconds: Self.now) == .finished(expected))
    }

    @Test("roles are assumed one after the other, each request signed with what came before")
    func roles() throws {
        let config = """
            [profile p]
            role_arn = arn:outer
            source_profile = q
            external_id = x&1
            duration_seconds = 900
            [profile q]
            role_arn = arn:inner
            source_profile = k
            [profile k]
            aws_access_key_id = AKIAK
            aws_secret_access_key = s
            """
        var fetch = try self.fetch(["AWS_PROFILE": "p"], config: config)
        let inner = try self.request(fetch.begin(nowEpochSeconds: Self.now))
        #expect(String(decoding: inner.body, as: UTF8.self).contains("RoleArn=arn%3Ainner"))
        let authorization = inner.headers.first { $0.name == "Authorization" }?.value ?? ""
        #expect(authorization.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIAK/20231114/eu-west-1/sts/aws4_request"))
        let outer = try self.request(fetch.replied(self.ok(Self.xml("ASIAINNER")), nowEpochSeconds: Self.now))
        let body = String(decoding: outer.body, as: UTF8.self)
        #expect(body.contains("RoleArn=arn%3Aouter") && body.hasSuffix("ExternalId=x%261&DurationSeconds=900"))
        #expect(outer.headers.contains { $0.name == "X-Amz-Security-Token" && $0.value == "tok=/+" })
        guard case .finished(let credentials) = fetch.replied(self.ok(Self.xml("ASIAOUTER")), nowEpochSeconds: 0) else {
            Issue.record("not finished")
            return
        }
        #expect(credentials.accessKeyID == "ASIAOUTER")
    }

    @Test("the container endpoint gets the token as it is in its file, read anew each time")
    func container() throws {
        let variables = [
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/pod",
        ]
        var fetch = try self.fetch(variables)
        #expect(fetch.begin(nowEpochSeconds: Self.now) == .readFile(path: "/pod"))
        let request = try self.request(fetch.fileRead(Array("the token\r\n".utf8)))
        #expect(request.method == "GET" && request.url == "http://169.254.170.23/v1/credentials")
        #expect(request.headers.contains { $0.name == "Authorization" && $0.value == "the token" })
        #expect(!request.mayUseProxy && request.timeout <= .seconds(2))
        guard case .finished(let credentials) = fetch.replied(self.ok(Self.json), nowEpochSeconds: Self.now) else {
            Issue.record("not finished")
            return
        }
        #expect(credentials.accessKeyID == "ASIAX" && credentials.expiration == 1_700_002_800)

        var without = try self.fetch(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"])
        let plain = try self.request(without.begin(nowEpochSeconds: Self.now))
        #expect(plain.headers.map { $0.name } == ["Accept"])
    }

    @Test("a token that could end a header is refused without being shown")
    func tokens() throws {
        var fetch = try self.fetch([
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "ha\u{1}sh",
        ])
        guard case .failed(let error) = fetch.begin(nowEpochSeconds: Self.now) else {
            Issue.record("not refused")
            return
        }
        #expect("\(error)".contains("AWS_CONTAINER_AUTHORIZATION_TOKEN") && !"\(error)".contains("ha"))
        var empty = try self.fetch(["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"])
        _ = empty.begin(nowEpochSeconds: Self.now)
        guard case .failed(.unreadableFile("/t", _)) = empty.fileRead([]) else {
            Issue.record("an empty token is no token")
            return
        }
    }

    @Test("instance metadata: token, role, credentials")
    func instance() throws {
        var fetch = try self.fetch([:])
        let token = try self.request(fetch.begin(nowEpochSeconds: Self.now))
        #expect(token.method == "PUT" && token.url == "http://169.254.169.254/latest/api/token")
        #expect(token.headers == [.init(name: "X-aws-ec2-metadata-token-ttl-seconds", value: "21600")])
        let role = try self.request(fetch.replied(self.ok(Array("TOKEN".utf8)), nowEpochSeconds: Self.now))
        #expect(role.url == "http://169.254.169.254/latest/meta-data/iam/security-credentials/")
        #expect(role.headers == [.init(name: "X-aws-ec2-metadata-token", value: "TOKEN")])
        let keys = try self.request(fetch.replied(self.ok(Array("my role\nother".utf8)), nowEpochSeconds: Self.now))
        #expect(keys.url.hasSuffix("/security-credentials/my%20role") && !keys.mayUseProxy)
        guard case .finished(let credentials) = fetch.replied(self.ok(Self.json), nowEpochSeconds: Self.now) else {
            Issue.record("not finished")
            return
        }
        #expect(credentials.expiration == 1_700_002_800)
    }

    @Test("an instance that hands out ended credentials keeps working with them")
    func staticStability() throws {
        var fetch = try self.fetch([:])
        let later: Int64 = 1_800_000_000
        _ = fetch.begin(nowEpochSeconds: later)
        _ = fetch.replied(self.ok(Array("T".utf8)), nowEpochSeconds: later)
        _ = fetch.replied(self.ok(Array("r".utf8)), nowEpochSeconds: later)
        guard case .finished(let credentials) = fetch.replied(self.ok(Self.json), nowEpochSeconds: later) else {
            Issue.record("not finished")
            return
        }
        #expect(credentials.expiration == later + 600)
    }

    @Test(
        "refusals and rubbish end the fetch with an error that names the call",
        arguments: [
            (
                403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
                "STS AssumeRoleWithWebIdentity was refused: AccessDenied (status 403): no"
            ),
            (500, "", "STS AssumeRoleWithWebIdentity was refused: no code (status 500)"),
            (200, "", "STS AssumeRoleWithWebIdentity gave an unusable reply: no Expiration"),
            (
                200, "<Expiration>soon</Expiration>",
                "STS AssumeRoleWithWebIdentity gave an unusable reply: its Expiration is not a time"
            ),
            (
                200, "<Expiration>2023-11-14T23:00:00Z</Expiration><AccessKeyId>A</AccessKeyId>",
                "STS AssumeRoleWithWebIdentity gave an unusable reply: no SecretAccessKey"
            ),
        ]
    )
    func refusals(status: Int, body: String, text: String) throws {
        var fetch = try self.fetch(["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"])
        _ = fetch.begin(nowEpochSeconds: Self.now)
        _ = fetch.fileRead(Array("t".utf8))
        let reply = CredentialReply(status: status, body: Array(body.utf8))
        guard case .failed(let error) = fetch.replied(reply, nowEpochSeconds: Self.now) else {
            Issue.record("not failed")
            return
        }
        #expect("\(error)" == text)
        #expect(error.isTransient == (status != 403))
    }

    @Test(
        "metadata endpoints that refuse, or answer with rubbish, fail the fetch",
        arguments: [
            (404, "{}"), (400, #"{"code":"AccessDenied","message":"no"}"#), (200, ""), (200, "[]"), (200, "{}"),
            (200, #"{"Code":"Failed","Message":"x"}"#), (200, #"{"AccessKeyId":"A"}"#),
            (200, #"{"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"x"}"#),
            (200, #"{"AccessKeyId":"A\n","SecretAccessKey":"s"}"#),
        ]
    )
    func metadataRefusals(status: Int, body: String) throws {
        var fetch = try self.fetch(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"])
        _ = fetch.begin(nowEpochSeconds: Self.now)
        let reply = CredentialReply(status: status, body: Array(body.utf8))
        guard case .failed = fetch.replied(reply, nowEpochSeconds: Self.now) else {
            Issue.record("not failed")
            return
        }
    }

    @Test("an instance without a role, and one that refuses tokens, say so")
    func instanceRefusals() throws {
        var fetch = try self.fetch([:])
        _ = fetch.begin(nowEpochSeconds: Self.now)
        _ = fetch.replied(self.ok(Array("T".utf8)), nowEpochSeconds: Self.now)
        let missing = fetch.replied(CredentialReply(status: 404, body: []), nowEpochSeconds: Self.now)
        guard case .failed(let error) = missing else {
            Issue.record("not failed")
            return
        }
        #expect("\(error)".contains("no role attached") && !error.isTransient)
        var second = try self.fetch([:])
        _ = second.begin(nowEpochSeconds: Self.now)
        guard case .failed = second.replied(CredentialReply(status: 403, body: []), nowEpochSeconds: 0) else {
            Issue.record("not failed")
            return
        }
    }

    @Test("what does not come is an error that names file or endpoint")
    func silence() throws {
        var file = try self.fetch(["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"])
        _ = file.begin(nowEpochSeconds: Self.now)
        #expect(file.failed("No such file") == .failed(.unreadableFile(path: "/t", reason: "No such file")))
        var sts = try self.fetch(["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"])
        _ = sts.begin(nowEpochSeconds: Self.now)
        _ = sts.fileRead(Array("t".utf8))
        #expect(sts.failed("x") == .failed(.noReply(what: "STS AssumeRoleWithWebIdentity", reason: "x")))
        var instance = try self.fetch([:])
        _ = instance.begin(nowEpochSeconds: Self.now)
        guard case .failed(let error) = instance.failed("timed out") else {
            Issue.record("not failed")
            return
        }
        #expect("\(error)".contains("AWS_EC2_METADATA_DISABLED") && error.isTransient)
    }

    @Test(
        "elements of the XML are found by name and decoded",
        arguments: [
            ("<A>x</A>", "x"), ("<B/><A> y </A><A>z</A>", "y"),
            ("<A>&lt;&gt;&quot;&apos;&amp;&#x41;&#66;</A>", "<>\"'&AB"),
            ("<A>&unknown; &</A>", "&unknown; &"), ("<A></A>", ""),
        ]
    )
    func xmlText(document: String, text: String) {
        #expect(XMLText.first("A", in: document) == text)
    }

    @Test(
        "anything but a flat element is nothing",
        arguments: ["", "<A>", "<A>x", "</A>", "<A><B>x</B></A>", "<AB>x</AB>"]
    )
    func notXML(document: String) {
        #expect(XMLText.first("A", in: document) == nil)
    }
}
