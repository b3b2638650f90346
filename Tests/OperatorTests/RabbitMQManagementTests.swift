import AsyncHTTPClient
import Glibc
import NIOCore
import NIOSSL
import QueueClient
import Testing

@testable import Operator

@Suite("RabbitMQ's management API", .timeLimit(.minutes(1)))
struct RabbitMQManagementTests {
    @Test("a kept connection that was closed meanwhile is no error")
    func closedConnection() async throws {
        let requestCount = try await self.requestCount(closing: 2...2) { management in
            for _ in 1...2 {
                let counts = try await management.allCounts()
                #expect(counts.isEmpty)
            }
        }
        #expect(requestCount == 3)
    }

    @Test("a server that answers nobody is an error after two tries")
    func noAnswer() async throws {
        let requestCount = try await self.requestCount(closing: 1...100) { management in
            await #expect(throws: QueueProblem.self) { try await management.allCounts() }
        }
        #expect(requestCount == RabbitMQManagement.sendLimit)
    }

    @Test("only a closed connection is tried again")
    func lostConnections() {
        for code in [ECONNRESET, EPIPE] {
            #expect(RabbitMQManagement.isLostConnection(IOError(errnoCode: code, reason: "read")))
        }
        #expect(RabbitMQManagement.isLostConnection(HTTPClientError.remoteConnectionClosed))
        #expect(RabbitMQManagement.isLostConnection(NIOSSLError.uncleanShutdown))
        #expect(!RabbitMQManagement.isLostConnection(IOError(errnoCode: ECONNREFUSED, reason: "connect")))
        #expect(!RabbitMQManagement.isLostConnection(HTTPClientError.readTimeout))
        #expect(!RabbitMQManagement.isLostConnection(HTTPClientError.connectTimeout))
        #expect(!RabbitMQManagement.isLostConnection(CancellationError()))
    }

    /// Runs `body` against a server without queues that closes the connection instead of answering the requests with
    /// these numbers, the first being 1; returns how many came.
    private func requestCount(
        closing numbers: ClosedRange<Int>,
        _ body: (RabbitMQManagement) async throws -> Void
    ) async throws -> Int {
        let seen = ChangeLog()
        let api = FakeAPI { _, _, number in
            seen.add(String(number), nil)
            return numbers.contains(number) ? .lostAnswer : nil
        }
        let address = try await api.start()
        let port = try #require(address.split(separator: ":").last)
        let transport = try Samples.rabbitMQ(#"{"host":"127.0.0.1","managementPort":\#(port)}"#)
        guard case .rabbitMQ(let settings) = transport.broker else { throw QueueProblem(.error, "no RabbitMQ") }
        let http = HTTPClient()
        do {
            try await body(RabbitMQManagement(settings, password: "guest", authorityPEM: nil, shared: http))
        } catch {
            try await http.shutdown()
            throw error
        }
        try await http.shutdown()
        try await api.stop()
        return seen.take().count
    }
}
