import Foundation
import Testing

/// What botocore signs; `Tests/Fixtures/sigv4/record.py` tells how it was recorded.
struct SignatureFixtures: Decodable, Sendable {
    struct SuiteCase: Decodable, Sendable, CustomTestStringConvertible {
        let name: String
        let method: String
        let path: String
        let query: String
        let headers: [[String]]
        let body: String
        let token: String?
        let authorization: String
        var testDescription: String { self.name }
    }

    struct SQSCase: Decodable, Sendable, CustomTestStringConvertible {
        let action: String
        let body: String
        let token: String?
        let authorization: String
        var testDescription: String { self.action + (self.token == nil ? "" : " with a session token") }
    }

    var secret = ""
    var epochSeconds: Int64 = 0
    var suite: [SuiteCase] = []
    var sqs: [SQSCase] = []

    static let recorded: SignatureFixtures = {
        let file = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/sigv4/signatures.json")
        do {
            return try JSONDecoder().decode(SignatureFixtures.self, from: Data(contentsOf: file))
        } catch {
            Issue.record("cannot read the fixtures: \(error)")
            return SignatureFixtures()
        }
    }()

    static func recordedBody(_ action: String) -> String {
        self.recorded.sqs.first { $0.action == action }?.body ?? ""
    }
}
