import Testing

@testable import AMQP

@Suite struct ConnectionHandshakeTests {
    private static let start = ServerMethod.connectionStart(mechanisms: ["AMQPLAIN", "PLAIN"])
    private static let serverTuning = Tuning(channelMaximum: 2047, frameMaximum: 131_072, heartbeatSeconds: 60)
    private static let steps: [ServerMethod] = [start, .connectionTune(serverTuning), .connectionOpenOk]

    private func handshake(_ query: String = "", after stepCount: Int = 0) throws -> ConnectionHandshake {
        let url = try AMQPURL(parsing: "amqp://u:p@h/v\(query)")
        var handshake = ConnectionHandshake(url: url, connectionName: "name")
        for step in Self.steps[..<stepCount] { _ = handshake.received(step) }
        return handshake
    }

    @Test("login, limits, virtual host")
    func opens() throws {
        var handshake = try self.handshake()
        let login = SASLResponse(mechanism: .plain, credentials: Credentials(username: "u", password: "p"))
        let answer = handshake.received(Self.start)
        #expect(answer == .send([.connectionStartOk(login, connectionName: "name")]))
        let agreed = Tuning(channelMaximum: 2047, frameMaximum: 131_072, heartbeatSeconds: 10)
        let second = handshake.received(.connectionTune(Self.serverTuning))
        #expect(second == .send([.connectionTuneOk(agreed), .connectionOpen(virtualHost: "v")]))
        let third = handshake.received(.connectionOpenOk)
        #expect(third == .opened(agreed))
    }

    @Test(
        "the smaller limit that is not zero counts",
        arguments: [
            ("", Tuning(channelMaximum: 0, frameMaximum: 0, heartbeatSeconds: 0), (2047, 131_072, 10)),
            ("", Tuning(channelMaximum: 10, frameMaximum: 4096, heartbeatSeconds: 5), (10, 4096, 5)),
            (
                "?heartbeat=30&channel_max=3", Tuning(channelMaximum: 0, frameMaximum: 200_000, heartbeatSeconds: 60),
                (3, 131_072, 30)
            ),
            ("?heartbeat=0", Tuning(channelMaximum: 1, frameMaximum: 8192, heartbeatSeconds: 0), (1, 8192, 0)),
        ] as [(String, Tuning, (UInt16, UInt32, UInt16))]
    )
    func tuning(query: String, offered: Tuning, expected: (UInt16, UInt32, UInt16)) throws {
        var handshake = try self.handshake(query, after: 1)
        guard case .send(let methods) = handshake.received(.connectionTune(offered)) else {
            Issue.record("no answer")
            return
        }
        let agreed = Tuning(
            channelMaximum: expected.0,
            frameMaximum: expected.1,
            heartbeatSeconds: expected.2
        )
        #expect(methods.first == .connectionTuneOk(agreed))
    }

    @Test("a server without our mechanism is refused with its name")
    func mechanism() throws {
        var handshake = try self.handshake("?auth_mechanism=external")
        guard case .failed(let reason) = handshake.received(Self.start) else {
            Issue.record("accepted")
            return
        }
        #expect(reason.contains("EXTERNAL"))
    }

    @Test("every state refuses what does not belong to it, and passes the server's own words on")
    func table() throws {
        let close = ServerMethod.connectionClose(
            CloseReason(code: 403, text: "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN")
        )
        let foreign: [ServerMethod] = [
            .connectionSecure, .connectionCloseOk, .channelOpenOk, .channelFlow(isActive: true), .channelCloseOk,
            .channelClose(CloseReason(code: 404, text: "x")), .exchangeDeclareOk, .queueDeclareOk, .confirmSelectOk,
            .basicQosOk, .basicConsumeOk(consumerTag: "t"), .basicCancelOk(consumerTag: "t"),
            .basicCancel(consumerTag: "t"),
        ]
        for state in 0...Self.steps.count {
            for (index, step) in Self.steps.enumerated() where index != state {
                var handshake = try self.handshake(after: state)
                guard case .failed = handshake.received(step) else {
                    Issue.record("state \(state) took step \(index)")
                    continue
                }
            }
            for method in foreign {
                var handshake = try self.handshake(after: state)
                guard case .failed = handshake.received(method) else {
                    Issue.record("state \(state) took \(method)")
                    continue
                }
            }
            var handshake = try self.handshake(after: state)
            guard case .failed(let reason) = handshake.received(close) else {
                Issue.record("state \(state) ignored close")
                continue
            }
            #expect(reason.contains("ACCESS_REFUSED") && !reason.contains("guest"))
        }
    }
}
