import AWS
import Envelope
import Foundation
import Logging
import Support
import Testing

@testable import QueueClient

/// The client against moto, a server with SQS, STS and IAM of its own.
@Suite(.serialized, .timeLimit(.minutes(10))) struct MotoTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func withClients<Result>(
        _ configuration: SQSClientConfiguration,
        _ body: (SQSQueueClient, SQSAdministration) async throws -> Result
    ) async throws -> Result {
        let client = SQSQueueClient(configuration: configuration, logger: Self.logger)
        let administration = SQSAdministration(configuration: configuration, logger: Self.logger)
        do {
            let result = try await body(client, administration)
            await client.close()
            await administration.close()
            return result
        } catch {
            await client.close()
            await administration.close()
            throw error
        }
    }

    private func name(_ test: String = #function, suffix: String = "") -> String {
        "asya-\(test.prefix { $0 != "(" })-\(UInt32.random(in: 0 ... .max))\(suffix)"
    }

    /// The bodies of what a queue holds, in the order of arrival, and their groups.
    private func bodies(of name: String, _ configuration: SQSClientConfiguration) async throws -> [String] {
        let connection = SQSConnection(configuration: configuration, logger: Self.logger)
        let options = ReceiveOptions(messageLimit: 10, waitSeconds: 1, visibilitySeconds: 60)
        do {
            let reply = try await connection.withQueue(name, deadline: .now + .seconds(600)) {
                .receive(options, from: $0)
            }
            await connection.close()
            return try reply.withUnsafeBytes { bytes in
                var messages: [ReceivedMessage] = []
                try ReceiveReply.read(bytes, into: &messages)
                return messages.map { message in
                    let body = message.body.string(in: bytes)
                    let isIntact = Array(body.utf8).withUnsafeBytes { message.matchesMD5(decodedBody: $0, in: bytes) }
                    #expect(isIntact && message.receiveCount == 1)
                    return body
                }
            }
        } catch {
            await connection.close()
            throw error
        }
    }

    @Test("a queue is made with its dead-letter queue, found again, changed without losing messages, and removed")
    func administration() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name()
        let deadLetter = DeadLetterDefinition(
            queueName: self.name(suffix: "-dlq"),
            maximumReceiveCount: 4,
            retentionDays: 2
        )
        var definition = QueueDefinition(
            name: name,
            deadLetter: deadLetter,
            visibilityTimeoutSeconds: 45,
            tags: ["asya.sh/actor": "a"]
        )
        try await self.withClients(configuration) { client, administration in
            try await client.checkReadiness()
            #expect(try await administration.attributes(of: name) == nil)
            #expect(try await administration.counts(of: name) == nil)
            try await administration.declare(definition)
            try await administration.declare(definition)
            let made = try #require(try await administration.attributes(of: name))
            #expect(made.visibilitySeconds == 45 && made.retentionSeconds == 345_600)
            #expect(made.deadLetter?.queueName == deadLetter.queueName && made.deadLetter?.maximumReceiveCount == 4)
            #expect(try await administration.attributes(of: deadLetter.queueName)?.retentionSeconds == 172_800)

            try await client.send(Array("{}".utf8), messageID: "1", to: name)
            definition.visibilityTimeoutSeconds = 60
            try await administration.declare(definition)
            #expect(try await administration.attributes(of: name)?.visibilitySeconds == 60)
            #expect(try await administration.counts(of: name) == QueueCounts(ready: 1, inFlight: 0))

            try await administration.tag(name, with: ["asya.sh/namespace": "n"])
            #expect(try await administration.names(withPrefix: name) == [name])
            try await administration.purge(name)
            #expect(try await administration.counts(of: name)?.ready == 0)
            try await administration.delete(name)
            try await administration.delete(name)
            #expect(try await administration.counts(of: name) == nil)
            await #expect(throws: QueueClientError.queueMissing(name)) { try await administration.purge(name) }
        }
    }

    @Test("an existing queue gets a redrive policy, and the number of receives that is wanted; its target stays")
    func redrive() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name()
        try await self.withClients(configuration) { _, administration in
            try await administration.declare(QueueDefinition(name: name))
            #expect(try await administration.attributes(of: name)?.deadLetter == nil)
            for (target, count, found) in [("-dlq", 5, 5), ("-dlq", 9, 9), ("-other", 7, 9)] {
                let deadLetter = DeadLetterDefinition(queueName: name + target, maximumReceiveCount: count)
                try await administration.declare(QueueDefinition(name: name, deadLetter: deadLetter))
                let observed = try await administration.attributes(of: name)?.deadLetter
                #expect(observed?.queueName == name + "-dlq" && observed?.maximumReceiveCount == found)
            }
        }
    }

    @Test("messages arrive as they were sent, large and full of odd characters")
    func send() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name()
        let odd = #"{"id":"ä","text":"\n \"quoted\" \\ / é 🙂"}"# + "\t\r\n\u{7F}\u{FFFD}\u{10FFFF}"
        let large = "{\"payload\":\"" + String(repeating: "ö\\\"", count: 50_000) + "\"}"
        try await self.withClients(configuration) { client, administration in
            try await administration.declare(QueueDefinition(name: name))
            try await client.send(Array(odd.utf8), messageID: "1", to: name)
            try await client.send(Array(large.utf8), messageID: "2", to: name)
            #expect(Set(try await self.bodies(of: name, configuration)) == [odd, large])
        }
    }

    @Test("a FIFO queue is made with a FIFO dead-letter queue, keeps the order and stores an envelope sent twice once")
    func fifo() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name(suffix: ".fifo")
        let deadLetter = DeadLetterDefinition(queueName: self.name(suffix: "-dlq.fifo"), maximumReceiveCount: 3)
        try await self.withClients(configuration) { client, administration in
            try await administration.declare(QueueDefinition(name: name, deadLetter: deadLetter))
            #expect(try await administration.attributes(of: name)?.deadLetter?.queueName == deadLetter.queueName)
            for body in ["1", "2", "1", "3"] {
                try await client.send(Array(body.utf8), messageID: "one envelope", to: name)
            }
            #expect(try await self.bodies(of: name, configuration) == ["1", "2", "3"])
        }
    }

    @Test("many sends at once all arrive")
    func parallel() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name()
        try await self.withClients(configuration) { client, administration in
            try await administration.declare(QueueDefinition(name: name))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    group.addTask { try await client.send(Array("\(index)".utf8), messageID: "\(index)", to: name) }
                }
                try await group.waitForAll()
            }
            #expect(try await administration.counts(of: name)?.ready == 20)
        }
    }

    @Test("a missing queue is named; one that is made again is found again")
    func recreation() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name()
        try await self.withClients(configuration) { client, administration in
            let body = Array("{}".utf8)
            await #expect(throws: QueueClientError.queueMissing(name)) {
                try await client.send(body, messageID: "1", to: name)
            }
            try await administration.declare(QueueDefinition(name: name))
            try await client.send(body, messageID: "1", to: name)
            try await administration.delete(name)
            await #expect(throws: QueueClientError.queueMissing(name)) {
                try await client.send(body, messageID: "2", to: name)
            }
            try await administration.declare(QueueDefinition(name: name))
            try await client.send(body, messageID: "3", to: name)
            #expect(try await administration.counts(of: name)?.ready == 1)
        }
    }

    @Test("what SQS does not carry is refused with the reason")
    func refused() async throws {
        let configuration = try MotoServer.open.get().configuration()
        let name = self.name()
        try await self.withClients(configuration) { client, administration in
            try await administration.declare(QueueDefinition(name: name))
            do {
                try await client.send([0x61, 0x01], messageID: "1", to: name)
                Issue.record("a control character was sent")
            } catch QueueClientError.refused(_, let reason) {
                #expect(reason.contains("byte 1"))
            }
            do {
                try await client.send([UInt8](repeating: 0x61, count: 1_048_577), messageID: "2", to: name)
                Issue.record("too large a message was sent")
            } catch QueueClientError.messageTooLarge(_, let byteCount, let reason) {
                #expect(byteCount == 1_048_577 && reason.contains("1048576"))
            }
        }
    }

    @Test("a server that checks signatures accepts ours and refuses wrong keys by name")
    func signatures() async throws {
        let server = try MotoServer.guarded.get()
        let name = self.name()
        try await self.withClients(server.configuration()) { client, administration in
            try await administration.declare(QueueDefinition(name: name))
            try await client.send(Array("{}".utf8), messageID: "1", to: name)
        }
        for (changes, code) in [
            (["AWS_SECRET_ACCESS_KEY": "wrong"], "SignatureDoesNotMatch"),
            (["AWS_ACCESS_KEY_ID": "AKIANOBODY"], "InvalidClientTokenId"),
        ] {
            try await self.withClients(server.configuration(changes)) { client, _ in
                do {
                    try await client.send(Array("{}".utf8), messageID: "1", to: name)
                    Issue.record("wrong keys were accepted")
                } catch QueueClientError.refused(_, let reason) {
                    #expect(reason.contains(code) && !reason.contains("wrong"))
                }
            }
        }
    }

    @Test("a web identity is exchanged at STS, and a role assumed with a profile's keys")
    func roles() async throws {
        let server = try MotoServer.open.get()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("asya-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { _ = try? FileManager.default.removeItem(at: directory) }  // Left behind when it fails: a few bytes.
        let token = directory.appendingPathComponent("token")
        // moto looks into the token for claims: header, claims and signature in base64.
        let claims = Data(#"{"sub":"system:serviceaccount:default:actor","aud":"sts.amazonaws.com"}"#.utf8)
        try "eyJhbGciOiJub25lIn0.\(claims.base64EncodedString()).c2ln\n".write(
            to: token,
            atomically: true,
            encoding: .utf8
        )
        let config = directory.appendingPathComponent("config")
        try """
        [profile worker]
        role_arn = arn:aws:iam::123456789012:role/worker
        source_profile = base
        [profile base]
        aws_access_key_id = testing
        aws_secret_access_key = testing
        """.write(to: config, atomically: true, encoding: .utf8)
        let name = self.name()
        for changes in [
            ["AWS_WEB_IDENTITY_TOKEN_FILE": token.path, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/actor"],
            ["AWS_CONFIG_FILE": config.path, "AWS_PROFILE": "worker"],
        ] {
            let noKeys = ["AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""]
            let configuration = try server.configuration(changes.merging(noKeys) { $1 })
            #expect(configuration.credentials.isRefreshable)
            try await self.withClients(configuration) { client, administration in
                try await administration.declare(QueueDefinition(name: name))
                try await client.send(Array("{}".utf8), messageID: "1", to: name)
            }
        }
    }
}
