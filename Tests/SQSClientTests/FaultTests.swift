import AWS
import FakeEndpoint
import Foundation
import Logging
import Support
import Synchronization
import Testing

@testable import QueueClient

/// Faults and endpoints that no test server has: all of these are fakes on loopback, since the real ones exist inside AWS
/// only.
@Suite(.timeLimit(.minutes(10))) struct FaultTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let success = #"{"QueueUrl":"http://elsewhere/1/asya-x","MessageId":"m"}"#

    /// Sends one message to a fake SQS.
    private func send(
        to endpoint: FakeEndpoint,
        _ variables: [String: String] = ["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"],
        body: String = "{}",
        timeout: Duration = .seconds(600)
    ) async throws {
        var variables = variables
        variables["ASYA_SQS_ENDPOINT"] = endpoint.url
        var configuration = try SQSClientConfiguration.resolved(environment: EnvironmentReader(variables))
        configuration.operationTimeout = timeout
        let client = SQSQueueClient(configuration: configuration, logger: Self.logger)
        do {
            try await client.send(Array(body.utf8), messageID: "1", to: "asya-x")
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    private static func refusal(_ status: Int, _ code: String, _ headers: [String: String] = [:]) -> FakeEndpoint.Reply
    {
        FakeEndpoint.Reply(
            status: status,
            headers: headers,
            body: "{\"__type\":\"com.amazonaws.sqs#\(code)\",\"message\":\"refused\"}"
        )
    }

    @Test("a clock that is an hour slow is corrected with the first refusal, and once for all requests")
    func clockSkew() async throws {
        let endpoint = try FakeEndpoint { request, _ in
            var now = time_t(Timestamp.currentMilliseconds() / 1000 + 3600)
            var parts = tm()
            gmtime_r(&now, &parts)
            var text = [CChar](repeating: 0, count: 64)
            strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            let date = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            strftime(&text, text.count, "%Y%m%dT%H", &parts)
            let hour = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let isOnTime = request.headers["x-amz-date"]?.hasPrefix(hour) == true
            return isOnTime
                ? FakeEndpoint.Reply(body: Self.success) : Self.refusal(403, "RequestTimeTooSkewed", ["Date": date])
        }
        try await self.send(to: endpoint)
        let targets = endpoint.requests.map { $0.headers["x-amz-target"] }
        #expect(targets == ["AmazonSQS.GetQueueUrl", "AmazonSQS.GetQueueUrl", "AmazonSQS.SendMessage"])
    }

    private static let traced =
        #"{"id":"1","headers":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"v=1"}}"#

    @Test("the trace of an envelope's headers is sent as attributes too; without one the request has none")
    func trace() async throws {
        let endpoint = try FakeEndpoint { _, _ in FakeEndpoint.Reply(body: Self.success) }
        for body in [Self.traced, #"{"id":"1","headers":{"traceparent":"invalid"}}"#, "no envelope"] {
            try await self.send(to: endpoint, body: body)
        }
        let sent = try endpoint.requests.filter { $0.headers["x-amz-target"] == "AmazonSQS.SendMessage" }
            .map { try JSONValue(parsing: $0.body).members }
        let attributes = sent.map { $0?["MessageAttributes"]?.members }
        #expect(attributes[0]?["traceparent"]?.members?["DataType"] == .string("String"))
        #expect(attributes[0]?["tracestate"]?.members?["StringValue"] == .string("v=1"))
        #expect(attributes[1] == nil && attributes[2] == nil)
        #expect(sent[0]?["MessageBody"] == .string(Self.traced))
    }

    @Test("a message that is too large with its attributes is sent without them")
    func traceTooLarge() async throws {
        let refusal = #"{"__type":"com.amazonaws.sqs#InvalidParameterValue","message":"must be shorter than 99 bytes"}"#
        let endpoint = try FakeEndpoint { request, _ in
            request.body.contains("MessageAttributes")
                ? FakeEndpoint.Reply(status: 400, body: refusal) : FakeEndpoint.Reply(body: Self.success)
        }
        try await self.send(to: endpoint, body: Self.traced)
        #expect(endpoint.requests.count == 3)
    }

    @Test("throttling, server faults and broken connections are tried again")
    func retries() async throws {
        let endpoint = try FakeEndpoint { _, number in
            switch number {
            case 1: Self.refusal(400, "RequestThrottled")
            case 2: FakeEndpoint.Reply(status: 503, body: "<html>")
            case 3: nil
            default: FakeEndpoint.Reply(body: Self.success)
            }
        }
        try await self.send(to: endpoint)
        #expect(endpoint.requests.count == 5)
    }

    @Test("a service that never recovers is given up with its own words")
    func persistent() async throws {
        let endpoint = try FakeEndpoint { _, _ in Self.refusal(500, "InternalFailure") }
        do {
            try await self.send(to: endpoint)
            Issue.record("nothing was sent")
        } catch QueueClientError.unavailable(let reason) {
            #expect(reason.contains("InternalFailure") && endpoint.requests.count == 4)
        }
    }

    @Test("an endpoint that does not answer ends with the operation's own time limit")
    func silence() async throws {
        let release = DispatchSemaphore(value: 0)
        let endpoint = try FakeEndpoint { _, _ in
            release.wait()
            return nil
        }
        do {
            try await self.send(to: endpoint, timeout: .milliseconds(300))
            Issue.record("nothing was sent")
        } catch QueueClientError.timedOut(let queue, _) {
            #expect(queue == "asya-x")
        }
        release.signal()
    }

    @Test("a token that has ended is replaced and the request sent again, over EKS Pod Identity")
    func expiredToken() async throws {
        let token = FileManager.default.temporaryDirectory.appendingPathComponent("asya-pod-\(UUID().uuidString)")
        try "pod-token\n".write(to: token, atomically: true, encoding: .utf8)
        defer { _ = try? FileManager.default.removeItem(at: token) }  // Left behind when it fails: a few bytes.
        let agent = try FakeEndpoint { request, number in
            guard request.headers["authorization"] == "pod-token", request.path == "/v1/credentials" else {
                return FakeEndpoint.Reply(status: 401, body: #"{"code":"Unauthorized"}"#)
            }
            return FakeEndpoint.Reply(
                body: """
                    {"AccessKeyId":"ASIA\(number)","SecretAccessKey":"s","Token":"t\(number)",
                    "Expiration":"2099-01-01T00:00:00Z"}
                    """
            )
        }
        let endpoint = try FakeEndpoint { request, _ in
            request.headers["x-amz-security-token"] == "t1"
                ? Self.refusal(403, "ExpiredTokenException") : FakeEndpoint.Reply(body: Self.success)
        }
        try await self.send(
            to: endpoint,
            [
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + "/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token.path,
            ]
        )
        #expect(agent.requests.count == 2)
        let keys = endpoint.requests.map { $0.headers["authorization"]?.contains("Credential=ASIA2/") == true }
        #expect(keys == [false, true, true])
    }

    @Test("an ended token that nothing can replace is an error that says so")
    func expiredKeys() async throws {
        let endpoint = try FakeEndpoint { _, _ in Self.refusal(403, "ExpiredToken") }
        await #expect(throws: QueueClientError.unavailable(reason: "ExpiredToken (status 403): refused")) {
            try await self.send(to: endpoint)
        }
        #expect(endpoint.requests.count == 1)
    }

    @Test("credentials come from an instance's metadata service, version 2")
    func instanceMetadata() async throws {
        let metadata = try FakeEndpoint { request, _ in
            if request.method == "PUT", request.path == "/latest/api/token" { return FakeEndpoint.Reply(body: "imds") }
            guard request.headers["x-aws-ec2-metadata-token"] == "imds" else { return FakeEndpoint.Reply(status: 401) }
            let path = "/latest/meta-data/iam/security-credentials/"
            if request.path == path { return FakeEndpoint.Reply(body: "node-role\n") }
            guard request.path == path + "node-role" else { return FakeEndpoint.Reply(status: 404) }
            return FakeEndpoint.Reply(
                body: """
                    {"Code":"Success","AccessKeyId":"ASIAEC2","SecretAccessKey":"s","Token":"t",
                    "Expiration":"2099-01-01T00:00:00Z"}
                    """
            )
        }
        let endpoint = try FakeEndpoint { _, _ in FakeEndpoint.Reply(body: Self.success) }
        try await self.send(to: endpoint, ["AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url])
        #expect(metadata.requests.count == 3)
        #expect(endpoint.requests.first?.headers["authorization"]?.contains("Credential=ASIAEC2/") == true)
    }

    @Test("URLs of a configured endpoint are moved to it, host and port")
    func movedURL() async throws {
        let endpoint = try FakeEndpoint { _, _ in FakeEndpoint.Reply(body: Self.success) }
        try await self.send(to: endpoint)
        #expect(endpoint.requests.last?.body.contains("\"\(endpoint.url)/1/asya-x\"") == true)
    }

    @Test("redirects are not followed with credentials")
    func redirects() async throws {
        let other = try FakeEndpoint { _, _ in FakeEndpoint.Reply(body: Self.success) }
        let target = other.url
        let endpoint = try FakeEndpoint { _, _ in FakeEndpoint.Reply(status: 307, headers: ["Location": target]) }
        await #expect(throws: QueueClientError.self) { try await self.send(to: endpoint) }
        #expect(other.requests.isEmpty)
    }
}

@Suite struct SQSClientConfigurationTests {
    @Test(
        "wrong settings are reported with the variable's name",
        arguments: [
            (["ASYA_SQS_ENDPOINT": "moto"], "ASYA_SQS_ENDPOINT"), (["AWS_ACCESS_KEY_ID": "A"], "AWS_SECRET_ACCESS_KEY"),
            (["AWS_PROFILE": "nobody"], "nobody"), (["HTTPS_PROXY": "socks5://x"], "HTTPS_PROXY"),
            (["AWS_CONFIG_FILE": "/nonexistent/file"], "/nonexistent/file"),
        ]
    )
    func faults(variables: [String: String], text: String) {
        do {
            _ = try SQSClientConfiguration.resolved(environment: EnvironmentReader(variables))
            Issue.record("the configuration was accepted")
        } catch {
            #expect("\(error)".contains(text))
        }
    }

    @Test("arguments win over the environment")
    func arguments() throws {
        let keys = try AWS.Credentials(accessKeyID: "A", secretAccessKey: "s")
        let configuration = try SQSClientConfiguration.resolved(
            environment: EnvironmentReader(["AWS_REGION": "a", "AWS_ENDPOINT_URL": "http://x"]),
            region: "eu-1",
            endpoint: "http://y:1",
            keys: keys
        )
        #expect(configuration.region == "eu-1" && configuration.endpoint.url == "http://y:1/")
        #expect(configuration.credentials == .keys(keys, origin: "configured keys"))
        #expect(throws: QueueClientError.self) {
            try SQSClientConfiguration.resolved(environment: EnvironmentReader([:]), endpoint: "y")
        }
    }

    @Test(
        "a proxy is taken from curl's variables, with their exceptions",
        arguments: [
            (["HTTPS_PROXY": "http://p:3128"], "https://sqs.eu.amazonaws.com", 3128),
            (["https_proxy": "p:3129", "HTTPS_PROXY": "p:1"], "https://h", 3129),
            (["HTTPS_PROXY": "p:1"], "http://h", nil),
            (["http_proxy": "p:1"], "http://h", 1), (["HTTP_PROXY": "p:1"], "http://h", nil),
            (["HTTPS_PROXY": "p:1", "NO_PROXY": "x, .amazonaws.com"], "https://sqs.eu.amazonaws.com", nil),
            (["HTTPS_PROXY": "p:1", "no_proxy": "amazonaws.com"], "https://amazonaws.com", nil),
            (["HTTPS_PROXY": "p:1", "no_proxy": "aws.com"], "https://amazonaws.com", 1),
            (["HTTPS_PROXY": "p:1", "no_proxy": "*"], "https://h", nil), ([:], "https://h", nil),
        ] as [([String: String], String, Int?)]
    )
    func proxies(variables: [String: String], url: String, port: Int?) throws {
        let endpoint = try #require(ServiceEndpoint(parsing: url))
        #expect(try HTTPProxy.from(EnvironmentReader(variables), for: endpoint)?.port == port)
    }
}

@Suite(.timeLimit(.minutes(10))) struct CredentialProviderTests {
    /// Answers with one set of credentials after the other, each ended as soon as told.
    private final class Transport: CredentialTransport {
        let count = Mutex(0)
        let replies: [CredentialReply]

        init(_ replies: [CredentialReply]) { self.replies = replies }

        func send(_ request: CredentialRequest) async throws(RequestFailure) -> CredentialReply {
            let index = self.count.withLock { count in
                count += 1
                return count - 1
            }
            await Task.yield()
            return self.replies[min(index, self.replies.count - 1)]
        }
    }

    private func provider(_ transport: Transport) throws -> CredentialProvider {
        let chain = CredentialChain(
            environment: EnvironmentReader(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"]),
            files: SharedConfiguration(),
            region: "r"
        )
        return CredentialProvider(
            source: try chain.source(),
            transport: transport,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private static func reply(_ key: String, until: String = "2099-01-01T00:00:00Z") -> CredentialReply {
        let text = #"{"AccessKeyId":"\#(key)","SecretAccessKey":"s","Token":"t","Expiration":"\#(until)"}"#
        return CredentialReply(status: 200, body: Array(text.utf8))
    }

    @Test("many who ask at once share one fetch")
    func singleFlight() async throws {
        let transport = Transport([Self.reply("ASIA1"), Self.reply("ASIA2")])
        let provider = try self.provider(transport)
        let keys = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await provider.credentials().accessKeyID } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(keys == ["ASIA1"])
        #expect(transport.count.withLock { $0 } == 1)
    }

    @Test("a passing fault is tried again while somebody waits, a lasting one is not")
    func faults() async throws {
        let passing = Transport([CredentialReply(status: 500, body: []), Self.reply("ASIA1")])
        #expect(try await self.provider(passing).credentials().accessKeyID == "ASIA1")
        let lasting = Transport([CredentialReply(status: 403, body: [])])
        let provider = try self.provider(lasting)
        await #expect(throws: CredentialError.self) { try await provider.credentials() }
        #expect(lasting.count.withLock { $0 } == 1)
    }

    @Test("refused credentials are replaced for the next who asks")
    func rejected() async throws {
        let transport = Transport([Self.reply("ASIA1"), Self.reply("ASIA2")])
        let provider = try self.provider(transport)
        let first = try await provider.credentials()
        #expect(await provider.rejected(accessKeyID: first.accessKeyID))
        #expect(try await provider.credentials().accessKeyID == "ASIA2")
        #expect(await provider.rejected(accessKeyID: "ASIA1"))
        #expect(try await provider.credentials().accessKeyID == "ASIA2")
    }
}
