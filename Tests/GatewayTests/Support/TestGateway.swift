import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import QueueClient
import Synchronization
import Testing

@testable import Gateway

/// A queue in memory: keeps what was sent, or refuses.
final class FakeQueue: QueueClient {
    struct Sent: Equatable {
        var id: String
        var queue: String
        var body: String
    }

    private let state = Mutex((sent: [Sent](), failure: QueueClientError?.none))

    var sent: [Sent] { self.state.withLock { $0.sent } }
    func fail(with error: QueueClientError?) { self.state.withLock { $0.failure = error } }

    func send(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        try self.state.withLock { state in
            if let failure = state.failure { throw failure }
            state.sent.append(Sent(id: messageID, queue: queueName, body: String(decoding: body, as: UTF8.self)))
        }
    }

    func checkReadiness() async throws {
        if let failure = self.state.withLock({ $0.failure }) { throw failure }
    }

    func close() async {}
}

/// A gateway over a fresh embedded store and a fake queue, without a socket.
struct TestGateway {
    let services: GatewayServices
    let queue: FakeQueue
    let client: any TestClientProtocol

    static let tools = """
        tools:
        - name: echo
          route: [first, second]
          progress: true
          timeout: 3600
          metadata: {team: ml}
          parameters:
            text: {type: string, required: true}
            count: {type: integer, default: 3}
        - {name: quiet, route: [first], timeout: 0}
        - {name: defaulted, route: [first], apply_defaults: true, parameters: {n: {type: integer, default: 7}}}
        - {name: once, route: [first], idempotent: true}
        - {name: limited, route: [first], rate_limit: 0.001}
        """

    static func run(
        settings: HTTPSettings = HTTPSettings(),
        credentials: Authenticator.Credentials = .init(),
        tools: String = TestGateway.tools,
        surface: Surface = .all,
        _ body: @escaping @Sendable (TestGateway) async throws -> Void
    ) async throws {
        let definitions = try ToolConfiguration(yaml: tools).tools
        try await withStore(.sqlite) { store in
            let queue = FakeQueue()
            let metrics = GatewayMetrics()
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let service = EnvelopeService(
                catalog: ToolCatalog(definitions),
                store: store,
                queue: queue,
                metrics: metrics,
                logger: logger
            )
            let services = GatewayServices(
                service: service,
                settings: settings,
                authenticator: Authenticator(credentials),
                queue: queue,
                metrics: metrics,
                logger: logger
            )
            let responder = GatewayResponder(routes: Routes.all(), services: services, surface: surface)
            let application = Application(responder: responder, logger: logger)
            try await application.test(.router) { client in
                try await body(TestGateway(services: services, queue: queue, client: client))
            }
            await service.sender.drain()
        }
    }

    struct Answer {
        var status: Int
        var text: String
        var headers: HTTPFields
        var json: JSONElement? { JSONDocument(Array(self.text.utf8))?.root }
    }

    func request(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: String? = nil,
        headers: HTTPFields = [:]
    ) async throws -> Answer {
        let buffer = body.map { ByteBuffer(string: $0) }
        return try await self.client.execute(uri: path, method: method, headers: headers, body: buffer) { response in
            Answer(status: response.status.code, text: String(buffer: response.body), headers: response.headers)
        }
    }

    /// Calls a tool and returns the new envelope's id.
    func call(_ tool: String = "echo", _ arguments: String = #"{"text":"hi"}"#) async throws -> String {
        let answer = try await self.request(.post, "/tools/call", #"{"name":"\#(tool)","arguments":\#(arguments)}"#)
        let id = answer.json?["structuredContent"]?["envelope_id"]?.string
        return try #require(id, "no envelope: \(answer.text)")
    }
}
