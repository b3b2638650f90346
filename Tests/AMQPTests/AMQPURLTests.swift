import Testing

@testable import AMQP

@Suite struct AMQPURLTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var text: String
        var address: String
        var user = "guest"
        var password = "guest"
        var virtualHost = "/"
        var isTLS = false

        var testDescription: String { self.text }
    }

    @Test(
        "scheme, address, login and virtual host",
        arguments: [
            Example(text: "amqp://", address: "localhost:5672"),
            Example(text: "amqps://", address: "localhost:5671", isTLS: true),
            Example(text: "AMQP://broker", address: "broker:5672"),
            Example(text: "amqp://broker/", address: "broker:5672"),
            Example(text: "amqp://broker:1234/prod", address: "broker:1234", virtualHost: "prod"),
            Example(text: "amqp://broker/%2F", address: "broker:5672", virtualHost: "/"),
            Example(text: "amqp://broker/a%2Fb", address: "broker:5672", virtualHost: "a/b"),
            Example(text: "amqp://:1234", address: "localhost:1234"),
            Example(text: "amqp://u:p@broker", address: "broker:5672", user: "u", password: "p"),
            Example(
                text: "amqp://u:p%40s%2Fs%3A@broker/v",
                address: "broker:5672",
                user: "u",
                password: "p@s/s:",
                virtualHost: "v"
            ),
            Example(text: "amqp://u:a:b@broker", address: "broker:5672", user: "u", password: "a:b"),
            Example(text: "amqp://u:@broker", address: "broker:5672", user: "u", password: ""),
            Example(text: "amqp://[::1]:1234/v", address: "::1:1234", virtualHost: "v"),
            Example(text: "amqp://[fe80::1]", address: "fe80::1:5672"),
            Example(text: "amqp://b%C3%A9", address: "bé:5672"),
        ]
    )
    func parses(example: Example) throws {
        let url = try AMQPURL(parsing: example.text)
        #expect("\(url.host):\(url.port)" == example.address)
        #expect(url.credentials == Credentials(username: example.user, password: example.password))
        #expect(url.virtualHost == example.virtualHost)
        #expect(url.isTLS == example.isTLS)
    }

    @Test("the query keys that the original honours")
    func query() throws {
        let url = try AMQPURL(
            parsing: "amqps://h/v?heartbeat=30&connection_timeout=1500&channel_max=64&cacertfile=/c/ca.pem"
                + "&certfile=%2Fc%2Fcert.pem&keyfile=/c/key.pem&server_name_indication=broker&auth_mechanism=external"
                + "&unknown=1&flag"
        )
        #expect(url.heartbeatSeconds == 30)
        #expect(url.connectionTimeoutMilliseconds == 1500)
        #expect(url.channelMaximum == 64)
        #expect(url.caFile == "/c/ca.pem")
        #expect(url.certificateFile == "/c/cert.pem")
        #expect(url.keyFile == "/c/key.pem")
        #expect(url.serverName == "broker")
        #expect(url.mechanism == .external)
        #expect(url.virtualHost == "v")
    }

    @Test(
        "an error names the part at fault and never the password",
        arguments: [
            ("broker:5672", "amqp://"), ("http://broker", "scheme"), ("amqp://broker:99999", "port"),
            ("amqp://broker:x", "port"), ("amqp://u:s3cret%zz@broker", "password"),
            ("amqp://u%4:s3cret@b", "user name"),
            ("amqp://u:s3cret%FF@broker", "password"), ("amqp://u:s3cret/x@broker", "port"),
            ("amqp://u:s3cret#x@broker", "port"), ("amqp://b/%", "virtual host"), ("amqp://b?heartbeat=x", "heartbeat"),
            ("amqp://b?heartbeat=-1", "heartbeat"), ("amqp://b?channel_max=65536", "channel_max"),
            ("amqp://b?connection_timeout=1.5", "connection_timeout"), ("amqp://b?auth_mechanism=x", "auth_mechanism"),
            ("amqp://[::1]x", "host"),
        ]
    )
    func errors(text: String, part: String) throws {
        let error = try #require(throws: AMQPURL.ParseError.self) { try AMQPURL(parsing: text) }
        #expect(error.description.contains(part), "\(error)")
        #expect(!error.description.contains("s3cret"))
    }

    @Test("parts need no encoding, and the description holds no secret")
    func parts() {
        let url = AMQPURL(
            host: "broker",
            port: 5672,
            credentials: Credentials(username: "me", password: "p@ss/w:rd%")
        )
        #expect(url.credentials.password == "p@ss/w:rd%")
        #expect(url.virtualHost == "/")
        #expect("\(url)" == "amqp://broker:5672 vhost /")
    }
}
