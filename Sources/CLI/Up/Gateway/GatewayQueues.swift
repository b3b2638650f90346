import AMQP
import LocalStore
import QueueClient
import Support

/// The variables with which the gateway finds the queues that the sidecars use (`gateway.md` 1.1): it knows fewer than
/// they do, and chooses the transport by which of them are set.
enum GatewayQueues {
    /// Values to set; nil removes what the caller has.
    static func variables(
        transport: UpOptions.Transport,
        place: StorePlace,
        environment: EnvironmentReader
    ) throws(UpError) -> [String: String?] {
        switch transport {
        case .embedded: return [StorePlace.pathVariable: place.file]
        case .rabbitmq:
            let url = try self.rabbitMQURL(environment)
            return [StorePlace.pathVariable: nil, "ASYA_SQS_ENDPOINT": nil, "ASYA_RABBITMQ_URL": url]
        case .sqs:
            return [
                StorePlace.pathVariable: nil, "ASYA_RABBITMQ_URL": nil, "ASYA_SQS_REGION": try self.region(environment),
            ]
        }
    }

    private static func rabbitMQURL(_ environment: EnvironmentReader) throws(UpError) -> String {
        if let text = environment.text("ASYA_RABBITMQ_URL") { return text }
        do throws(QueueClientError) {
            let url = try RabbitMQClientConfiguration.resolved(environment: environment, connectionName: "").url
            let (user, password) = (url.credentials.username, url.credentials.password)
            let host = url.host.contains(":") ? "[\(url.host)]" : url.host
            return "amqp://\(URLText.escaped(user)):\(URLText.escaped(password))@\(host):\(url.port)/"
        } catch {
            throw UpError("\(error)")
        }
    }

    private static func region(_ environment: EnvironmentReader) throws(UpError) -> String {
        do throws(QueueClientError) {
            return try SQSClientConfiguration.resolved(environment: environment).region
        } catch {
            throw UpError("\(error)")
        }
    }
}
