import AMQP
import QueueClient
import Support
import Testing

@Suite struct RabbitMQEnvironmentTests {
    private static func resolve(_ variables: [String: String]) throws -> RabbitMQClientConfiguration {
        try RabbitMQClientConfiguration.resolved(environment: EnvironmentReader(variables), connectionName: "test")
    }

    @Test("the variables of the sidecar give the address; a URL wins over its parts")
    func parts() throws {
        let parts = [
            "ASYA_RABBITMQ_HOST": "h", "ASYA_RABBITMQ_PORT": "1", "ASYA_RABBITMQ_USERNAME": "u",
            "ASYA_RABBITMQ_PASSWORD": "p", "ASYA_RABBITMQ_EXCHANGE": "x",
        ]
        let configuration = try Self.resolve(parts)
        #expect(configuration.exchange == "x" && configuration.connectionName == "test")
        let url = configuration.url
        #expect(url.host == "h" && url.port == 1 && url.credentials.username == "u" && url.credentials.password == "p")
        let both = parts.merging(["ASYA_RABBITMQ_URL": "amqp://x:y@z:5/v"]) { _, new in new }
        #expect(try Self.resolve(both).url.host == "z")
        #expect(try Self.resolve([:]).url.port == 5672)
        #expect(try Self.resolve([:]).exchange == "asya")
    }

    @Test(
        "a wrong setting is named without its value",
        arguments: [
            ("ASYA_RABBITMQ_URL", "http://u:secret@x"), ("ASYA_RABBITMQ_PORT", "0"), ("ASYA_RABBITMQ_PORT", "secret"),
        ]
    )
    func wrong(name: String, value: String) throws {
        let error = try #require(throws: QueueClientError.self) { try Self.resolve([name: value]) }
        #expect("\(error)".contains(name) && !"\(error)".contains("secret"))
    }
}
