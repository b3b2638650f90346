import Envelope
import Testing

@testable import Sidecar

/// One row of `sidecar.md` 4.1: a message, who reads it, and what is decided.
private struct AdmissionRow: CustomTestStringConvertible {
    var name: String
    var body: String
    var actor = "own"
    var isEndActor = false
    var enforcesDeadline = false
    var expected: String

    var testDescription: String { self.name }

    static let all: [AdmissionRow] = [
        .init(name: "an envelope for this actor", body: envelope(#"["own"],"current":0"#), expected: "call"),
        .init(name: "current is missing and means 0", body: envelope(#"["own"]"#), expected: "call"),
        .init(name: "the name is written with escapes", body: envelope(#"["\u006fwn"]"#), expected: "call"),
        .init(name: "a later hop", body: envelope(#"["a","own"],"current":1"#), expected: "call"),
        .init(name: "another actor is current", body: envelope(#"["a","own"],"current":0"#), expected: mismatch("a")),
        .init(name: "the index is behind the end", body: envelope(#"["own"],"current":1"#), expected: mismatch("")),
        .init(name: "the index is negative", body: envelope(#"["own"],"current":-1"#), expected: mismatch("")),
        .init(name: "there is no route", body: #"{"id":"x","payload":1}"#, expected: mismatch("")),
        .init(name: "the route is null", body: #"{"id":"x","route":null}"#, expected: mismatch("")),
        .init(name: "names differ in case", body: envelope(#"["OWN"]"#), expected: mismatch("OWN")),
        .init(name: "there is no id", body: #"{"route":{"actors":["own"]}}"#, expected: noID),
        .init(name: "the id is empty", body: #"{"id":"","route":{"actors":["own"]}}"#, expected: noID),
        .init(name: "the id is null", body: #"{"id":null,"route":{"actors":["own"]}}"#, expected: noID),
        .init(name: "the literal null has no id", body: "null", expected: noID),
        .init(name: "a missing id comes before a wrong route", body: "{}", expected: noID),
        .init(
            name: "bytes that are not JSON",
            body: "{oops",
            expected: "reject parse_error: Failed to parse message: "
        ),
        .init(name: "an empty body", body: "", expected: "reject parse_error: Failed to parse message: "),
        .init(name: "an array", body: "[]", expected: "reject parse_error: Failed to parse message: "),
        .init(name: "an id that is a number", body: #"{"id":5}"#, expected: "reject parse_error: Failed to parse"),
        .init(
            name: "end actors take any route",
            body: envelope(#"["z"],"current":7"#),
            isEndActor: true,
            expected: "call"
        ),
        .init(name: "end actors take envelopes without id", body: "{}", isEndActor: true, expected: "call"),
        .init(
            name: "end actors cannot answer malformed bytes",
            body: "{oops",
            isEndActor: true,
            expected: "refuse parse_error"
        ),
        .init(name: "the error-end actor is one without being told", body: "{}", actor: "error-end", expected: "call"),
        .init(
            name: "the error-end actor never answers",
            body: "[]",
            actor: "error-end",
            expected: "refuse parse_error"
        ),
        .init(name: "a deadline is ignored by default", body: deadline("2001-01-01T00:00:00Z"), expected: "call"),
        .init(
            name: "a deadline has passed",
            body: deadline("2001-01-01T00:00:00Z"),
            enforcesDeadline: true,
            expected: "reject deadline_exceeded: Envelope deadline exceeded"
        ),
        .init(
            name: "a deadline is to come",
            body: deadline("2099-01-01T00:00:00Z"),
            enforcesDeadline: true,
            expected: "call"
        ),
        .init(name: "a deadline is no date", body: deadline("soon"), enforcesDeadline: true, expected: "call"),
        .init(
            name: "end actors know no deadline",
            body: deadline("2001-01-01T00:00:00Z"),
            isEndActor: true,
            enforcesDeadline: true,
            expected: "call"
        ),
    ]

    private static let noID = "reject validation_error: Envelope missing required 'id' field"

    private static func mismatch(_ actual: String) -> String {
        "reject route_mismatch: Route mismatch: message routed to wrong actor (expected: own, actual: \(actual))"
    }

    private static func envelope(_ actors: String) -> String {
        #"{"id":"x","route":{"actors":\#(actors)},"payload":1}"#
    }

    private static func deadline(_ text: String) -> String {
        #"{"id":"x","route":{"actors":["own"]},"payload":1,"deadline":"\#(text)"}"#
    }
}

/// One row of `sidecar.md` 4.2: a reply and what becomes of it.
private struct ReplyRow: CustomTestStringConvertible {
    var reply: String
    var expected: String

    var testDescription: String { self.reply }

    static let all: [ReplyRow] = [
        .init(reply: "[]", expected: "input"),
        .init(reply: "null", expected: "input"),
        .init(reply: " [ ] ", expected: "input"),
        .init(reply: #"[{"payload":1,"route":{"actors":["a"],"current":0}}]"#, expected: "1 elements"),
        .init(reply: #"[{"payload":1,"route":{}},{"route":{"actors":[]}}]"#, expected: "2 elements"),
        .init(reply: #"[{"error":"","route":{}}]"#, expected: "1 elements"),
        .init(
            reply: #"[{"error":"processing_error","details":{"type":"E"}}]"#,
            expected: "error processing_error: code"
        ),
        .init(reply: #"[{"error":"esc\u0061ped"}]"#, expected: "error escaped: code"),
        .init(reply: #"[{"route":{}},{"error":"first"},{"error":"second"}]"#, expected: "error first: code"),
        .init(reply: #"[{"error":"x","route":7}]"#, expected: "error x: code"),
        .init(reply: #"[{}]"#, expected: "error execution_error: Invalid runtime response: missing route"),
        .init(reply: #"[{"payload":1}]"#, expected: "error execution_error: Invalid runtime response: missing route"),
        .init(
            reply: #"[{"route":{}},{"route":null}]"#,
            expected: "error execution_error: Invalid runtime response: missing route"
        ),
        .init(reply: "{}", expected: "error execution_error: failed to parse runtime response:"),
        .init(reply: "", expected: "error execution_error: failed to parse runtime response:"),
        .init(reply: "[{", expected: "error execution_error: failed to parse runtime response:"),
        .init(reply: "[5]", expected: "error execution_error: failed to parse runtime response:"),
        .init(reply: #"[{"route":7}]"#, expected: "error execution_error: failed to parse runtime response:"),
        .init(reply: #"[{"error":7}]"#, expected: "error execution_error: failed to parse runtime response:"),
    ]
}

@Suite("RoutingDecision")
struct RoutingDecisionTests {
    /// 2026-01-01.
    private static let today: Int64 = 1_767_225_600_000_000_000

    @Test("a message is admitted, rejected or refused", arguments: AdmissionRow.all)
    fileprivate func admission(_ row: AdmissionRow) {
        let rules = ActorRules(
            ownName: row.actor,
            happyEnd: "happy-end",
            errorEnd: "error-end",
            isEndActor: row.isEndActor,
            enforcesDeadline: row.enforcesDeadline
        )
        let admission = Array(row.body.utf8).withUnsafeBytes { bytes in
            do throws(EnvelopeError) {
                let view = try EnvelopeView.scan(bytes)
                return RoutingDecision.admit(view, in: bytes, rules: rules, wallClock: Self.today)
            } catch {
                return RoutingDecision.admit(unreadable: error, rules: rules)
            }
        }
        #expect(Self.text(of: admission).hasPrefix(row.expected), "\(Self.text(of: admission))")
        // A text that is given whole is compared whole.
        if !row.expected.contains("parse") { #expect(Self.text(of: admission) == row.expected) }
    }

    @Test("a reply becomes envelopes, the input, or one error envelope", arguments: ReplyRow.all)
    fileprivate func reply(_ row: ReplyRow) {
        let outcome = Array(row.reply.utf8).withUnsafeBytes { Self.text(of: RoutingDecision.route(reply: $0)) }
        #expect(outcome.hasPrefix(row.expected), "\(outcome)")
    }

    private static func text(of admission: RoutingDecision.Admission) -> String {
        switch admission {
        case .callRuntime: "call"
        case .reject(let problem, let reason): "reject \(reason.rawValue): \(self.text(of: problem))"
        case .refuse(let reason): "refuse \(reason.rawValue)"
        }
    }

    private static func text(of outcome: RoutingDecision.Outcome) -> String {
        switch outcome {
        case .publishElements(let reply): "\(reply.elementCount) elements"
        case .publishInput: "input"
        case .publishError(let problem, let errorType): "error \(errorType): \(self.text(of: problem))"
        }
    }

    private static func text(of problem: ErrorEnvelope.Problem) -> String {
        switch problem {
        case .text(let text): text
        case .runtime: "code"
        }
    }
}
