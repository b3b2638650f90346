import Envelope
import Testing

@testable import Sidecar

/// One row of `sidecar.md` 9.4: an envelope in an end actor, the runtime's reply, and what the gateway is told.
private struct FinalStatusRow: CustomTestStringConvertible {
    var name: String
    var actor = "happy-end"
    var body: String
    var reply = "[{}]"
    /// Written as `status error=… details=… actors=… index=… name=…`; nil when nothing is reported.
    var expected: String?

    var testDescription: String { self.name }

    static let all: [FinalStatusRow] = [
        .init(
            name: "the usual reply: the envelope's payload",
            body: #"{"id":"x","payload":{"v": 1.10}}"#,
            expected: #"succeeded {"v": 1.10}"#
        ),
        .init(
            name: "a payload in the reply wins",
            body: #"{"id":"x","payload":1}"#,
            reply: #"[{"payload":[2]}]"#,
            expected: "succeeded [2]"
        ),
        .init(
            name: "null in the reply is a result that is none",
            body: #"{"id":"x","payload":1}"#,
            reply: #"[{"payload":null}]"#,
            expected: "succeeded"
        ),
        .init(
            name: "only the first element counts",
            body: #"{"id":"x","payload":1}"#,
            reply: #"[{},{"payload":2}]"#,
            expected: "succeeded 1"
        ),
        .init(name: "an empty reply", body: #"{"id":"x","payload":"p"}"#, reply: "[]", expected: #"succeeded "p""#),
        .init(name: "a null reply", body: #"{"id":"x","payload":"p"}"#, reply: "null", expected: #"succeeded "p""#),
        .init(name: "no payload anywhere", body: #"{"id":"x"}"#, expected: "succeeded"),
        .init(name: "a null payload", body: #"{"id":"x","payload":null}"#, expected: "succeeded"),
        .init(name: "false is a result", body: #"{"id":"x","payload":false}"#, expected: "succeeded false"),
        .init(name: "no id", body: #"{"payload":1}"#, expected: nil),
        .init(name: "an empty id", body: #"{"id":"","payload":1}"#, expected: nil),
        .init(name: "another actor", actor: "sink", body: #"{"id":"x","payload":1}"#, expected: nil),
        .init(
            name: "a failure with everything",
            actor: "error-end",
            body:
                #"{"id":"x","route":{"actors":["a","b"],"current":1},"payload":{"error":"e","details":{"type":"T"}}}"#,
            expected: #"failed error="e" details={"type":"T"} actors=["a","b"] index=1 name="b""#
        ),
        .init(
            name: "the reply of error-end is not used",
            actor: "error-end",
            body: #"{"id":"x","payload":{"error":"e"}}"#,
            reply: #"[{"payload":{"error":"other"}}]"#,
            expected: #"failed error="e""#
        ),
        .init(
            name: "an error that is no string",
            actor: "error-end",
            body: #"{"id":"x","payload":{"error":5,"details":[]}}"#,
            expected: "failed details=[]"
        ),
        .init(
            name: "the last of equal names counts",
            actor: "error-end",
            body: #"{"id":"x","payload":{"error":"a","error":"b"}}"#,
            expected: #"failed error="b""#
        ),
        .init(
            name: "an index out of range",
            actor: "error-end",
            body: #"{"id":"x","route":{"actors":["a"],"current":9},"payload":{}}"#,
            expected: #"failed actors=["a"] index=9"#
        ),
        .init(
            name: "an empty route",
            actor: "error-end",
            body: #"{"id":"x","route":{"actors":[]},"payload":7}"#,
            expected: "failed"
        ),
        .init(name: "no payload at all", actor: "error-end", body: #"{"id":"x"}"#, expected: "failed"),
    ]
}

@Suite("FinalStatus")
struct FinalStatusTests {
    @Test("tells the gateway what became of an envelope", arguments: FinalStatusRow.all)
    fileprivate func report(_ row: FinalStatusRow) throws {
        let rules = ActorRules(
            ownName: row.actor,
            happyEnd: "happy-end",
            errorEnd: "error-end",
            isEndActor: true,
            enforcesDeadline: false
        )
        let report = try Array(row.body.utf8).withUnsafeBytes { bytes in
            try Array(row.reply.utf8).withUnsafeBytes { replyBytes in
                FinalStatus.report(
                    of: try EnvelopeView.scan(bytes),
                    in: bytes,
                    reply: try RuntimeReply.scan(replyBytes),
                    replyBytes: replyBytes,
                    rules: rules
                )
            }
        }
        #expect(report.map { self.text(of: $0.status) } == row.expected)
        if let report {
            #expect(report.id == "x")
            #expect(report.singleAttemptLimit == nil)
        }
    }

    @Test("the id is reported decoded")
    func decodedID() throws {
        let rules = ActorRules(
            ownName: "happy-end",
            happyEnd: "happy-end",
            errorEnd: "error-end",
            isEndActor: true,
            enforcesDeadline: false
        )
        let report = try Array(#"{"id":"a\u0062\/c"}"#.utf8).withUnsafeBytes { bytes in
            try Array("[]".utf8).withUnsafeBytes { reply in
                FinalStatus.report(
                    of: try EnvelopeView.scan(bytes),
                    in: bytes,
                    reply: try RuntimeReply.scan(reply),
                    replyBytes: reply,
                    rules: rules
                )
            }
        }
        #expect(report?.id == "ab/c")
    }

    private func text(of status: FinalReport.Status) -> String {
        switch status {
        case .succeeded(let result):
            return ["succeeded", result.map(self.text)].compactMap { $0 }.joined(separator: " ")
        case .failed(let error, let details, let route):
            var words = ["failed"]
            if let error { words.append("error=" + self.text(error)) }
            if let details { words.append("details=" + self.text(details)) }
            if let route {
                words.append("actors=\(self.text(route.actorsJSON)) index=\(route.currentIndex)")
                if let name = route.currentActorJSON { words.append("name=" + self.text(name)) }
            }
            return words.joined(separator: " ")
        case .timedOut: return "timed out"
        }
    }

    private func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
