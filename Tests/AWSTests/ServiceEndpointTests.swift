import Support
import Testing

@testable import AWS

@Suite struct ServiceEndpointTests {
    @Test(
        "URLs are taken apart and put together again",
        arguments: [
            ("https://sqs.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com", 443, "/"),
            ("http://127.0.0.1:4566", "127.0.0.1:4566", 4566, "/"),
            ("http://moto", "moto", 80, "/"), ("https://h:8443/a/b", "h:8443", 8443, "/a/b"),
            ("http://[::1]:9324/q/", "[::1]:9324", 9324, "/q/"), ("https://[fd00:ec2::23]", "[fd00:ec2::23]", 443, "/"),
            ("https://UPPER.example:443/", "upper.example", 443, "/"),
        ]
    )
    func parses(text: String, authority: String, port: Int, path: String) throws {
        let endpoint = try #require(ServiceEndpoint(parsing: text))
        #expect(endpoint.authority == authority && endpoint.port == port && endpoint.path == path)
        #expect(ServiceEndpoint(parsing: endpoint.url) == endpoint)
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "sqs.amazonaws.com", "ftp://h", "http://", "http:///p", "http://h:", "http://h:0", "http://h:65536",
            "http://h:x", "http://user:pw@h", "http://h/?q", "http://h#f", "http://h /", "http://h\r\nX: y",
            "http://[::1",
            "http://[h]", "http://[::1]x", "http://ä",
        ]
    )
    func refuses(text: String) {
        #expect(ServiceEndpoint(parsing: text) == nil)
    }

    @Test("regional endpoints have China's suffix where they must")
    func regional() {
        #expect(
            ServiceEndpoint.regional(service: "sqs", region: "eu-west-1").url == "https://sqs.eu-west-1.amazonaws.com/"
        )
        #expect(
            ServiceEndpoint.regional(service: "sts", region: "cn-north-1").url
                == "https://sts.cn-north-1.amazonaws.com.cn/"
        )
    }

    @Test(
        "a queue's URL moves to the configured endpoint when host or port differ",
        arguments: [
            ("http://localhost:4566/000000000000/asya-x", "http://moto:5000/000000000000/asya-x"),
            ("https://moto:5000/1/q", "http://moto:5000/1/q"), ("http://moto:5000/1/q", "http://moto:5000/1/q"),
            ("not a url", "not a url"),
        ]
    )
    func moves(url: String, expected: String) throws {
        let endpoint = try #require(ServiceEndpoint(parsing: "http://moto:5000"))
        #expect(endpoint.moved(queueURL: url) == expected)
    }

    @Test("the first variable that is set names the endpoint")
    func variables() throws {
        func endpoint(_ variables: [String: String]) throws -> (String, Bool) {
            let (endpoint, isConfigured) = try AWSSettings.sqsEndpoint(EnvironmentReader(variables), region: "r-1")
            return (endpoint.url, isConfigured)
        }
        var variables = ["AWS_ENDPOINT_URL": "http://c"]
        #expect(try endpoint(variables) == ("http://c/", true))
        variables["AWS_ENDPOINT_URL_SQS"] = "http://b"
        #expect(try endpoint(variables) == ("http://b/", true))
        variables["ASYA_SQS_ENDPOINT"] = "http://a"
        #expect(try endpoint(variables) == ("http://a/", true))
        variables["ASYA_SQS_ENDPOINT"] = ""
        #expect(try endpoint(variables) == ("http://b/", true))
        #expect(try endpoint([:]) == ("https://sqs.r-1.amazonaws.com/", false))
        #expect(throws: CredentialError.self) { try endpoint(["ASYA_SQS_ENDPOINT": "moto:5000"]) }
        for region in ["", "eu west", "x/y", "EU", String(repeating: "a", count: 65)] {
            #expect(throws: CredentialError.self) {
                try AWSSettings.sqsEndpoint(EnvironmentReader([:]), region: region)
            }
        }
    }

    @Test("the region comes from variables, then the profile, then the default")
    func region() {
        let files = SharedConfiguration(
            credentials: nil,
            config: "[default]\nregion=eu-1\n[profile p]\nregion = eu-2\n"
        )
        func region(_ variables: [String: String]) -> String {
            AWSSettings.region(EnvironmentReader(variables), files: files)
        }
        #expect(region(["AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"]) == "a")
        #expect(region(["AWS_DEFAULT_REGION": "b"]) == "b")
        #expect(region([:]) == "eu-1")
        #expect(region(["AWS_PROFILE": "p"]) == "eu-2")
        #expect(region(["AWS_PROFILE": "none"]) == "us-east-1")
    }
}
