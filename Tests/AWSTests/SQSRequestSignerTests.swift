import Testing

@testable import AWS

@Suite struct SQSRequestSignerTests {
    static let fixtures = SignatureFixtures.recorded

    private func signer(token: String?) throws -> SQSRequestSigner {
        let credentials = try Credentials(
            accessKeyID: "AKIDEXAMPLE",
            secretAccessKey: Self.fixtures.secret,
            sessionToken: token
        )
        return SQSRequestSigner(credentials: credentials, region: "eu-west-1", host: "sqs.eu-west-1.amazonaws.com")
    }

    private func authorization(
        _ signer: inout SQSRequestSigner,
        _ action: SQSAction,
        _ body: String,
        at time: Int64
    ) -> String? {
        var headers = SignedHeaders()
        Array(body.utf8).withUnsafeBytes { signer.sign(action, body: $0, atEpochSeconds: time, into: &headers) }
        return headers.fields.first { $0.name == "Authorization" }?.value
    }

    @Test("signs SQS requests as AWS's own client does", arguments: fixtures.sqs)
    func recorded(_ row: SignatureFixtures.SQSCase) throws {
        let action = try #require(SQSAction(rawValue: row.action))
        var signer = try self.signer(token: row.token)
        #expect(
            self.authorization(&signer, action, row.body, at: Self.fixtures.epochSeconds) == row.authorization
        )
    }

    @Test("one signer gives the same signatures as a fresh one, across seconds and days, back and forth")
    func reuse() throws {
        var kept = try self.signer(token: "token")
        let noon = Self.fixtures.epochSeconds
        for time in [noon, noon, noon + 1, noon + 86_400, noon + 86_401, noon, noon - 86_400] {
            for action in [SQSAction.receiveMessage, .sendMessage] {
                var fresh = try self.signer(token: "token")
                let expected = self.authorization(&fresh, action, "{}", at: time)
                #expect(self.authorization(&kept, action, "{}", at: time) == expected)
            }
        }
    }

    @Test("fast and general signer agree on hosts with ports and paths")
    func agreement() throws {
        let credentials = try Credentials(accessKeyID: "A", secretAccessKey: "s", sessionToken: "t")
        var fast = SQSRequestSigner(
            credentials: credentials,
            region: "r",
            host: "127.0.0.1:4566",
            path: "/a%20b//queue/"
        )
        let general = RequestSigner(credentials: credentials, scope: SigningScope(region: "r", service: "sqs"))
        let headers = general.headers(
            for: RequestSigner.Request(
                method: "POST",
                path: "/a%20b//queue/",
                headers: [
                    ("Host", "127.0.0.1:4566"), ("Content-Type", "application/x-amz-json-1.0"),
                    ("X-Amz-Target", "AmazonSQS.ListQueues"),
                ],
                payload: .bytes(Array("{}".utf8))
            ),
            atEpochSeconds: 1_700_000_000
        )
        #expect(self.authorization(&fast, .listQueues, "{}", at: 1_700_000_000) == headers.last?.value)
    }

    @Test("header lines are C strings in which nothing is missing")
    func lines() throws {
        var signer = try self.signer(token: "token")
        var headers = SignedHeaders()
        signer.sign(.getQueueURL, body: UnsafeRawBufferPointer(start: nil, count: 0), atEpochSeconds: 0, into: &headers)
        var lines: [String] = []
        headers.forEachLine { lines.append(String(cString: $0)) }
        #expect(lines.count == 5)
        #expect(lines.contains("Content-Type: application/x-amz-json-1.0"))
        #expect(lines.contains("X-Amz-Date: 19700101T000000Z"))
        #expect(lines.contains("X-Amz-Target: AmazonSQS.GetQueueUrl"))
        #expect(lines.contains("X-Amz-Security-Token: token"))
        #expect(headers.fields.map { "\($0.name): \($0.value)" } == lines)
    }

    @Test("targets are the actions' names", arguments: SQSAction.allCases)
    func targets(_ action: SQSAction) {
        #expect(action.target.description == "AmazonSQS.\(action.rawValue)")
    }

    @Test("no description shows a secret")
    func redaction() throws {
        let credentials = try Credentials(accessKeyID: "ASIAKEY", secretAccessKey: "hush", sessionToken: "quiet")
        var signer = SQSRequestSigner(credentials: credentials, region: "r", host: "h")
        var headers = SignedHeaders()
        signer.sign(.listQueues, body: UnsafeRawBufferPointer(start: nil, count: 0), atEpochSeconds: 0, into: &headers)
        for text in [
            "\(credentials)", String(reflecting: credentials), "\(headers)", "\([credentials])", "\(signer)",
        ] {
            #expect(!text.contains("hush") && !text.contains("quiet"), "\(text)")
        }
        var dumped = ""
        dump(credentials, to: &dumped)
        dump(headers, to: &dumped)
        dump(signer, to: &dumped)
        #expect(!dumped.contains("hush") && !dumped.contains("quiet"))
    }
}
