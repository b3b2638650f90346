import Envelope
import Testing

/// envelope.md 2 and 2.1.
@Suite("EnvelopeView")
struct EnvelopeViewTests {
    @Test("the example of the specification")
    func readsExample() {
        let scanned = Scanned(
            """
            {"id":"abc-123","route":{"actors":["prep","infer"],"current":0},
             "headers":{"trace_id":"t-1"},"payload":{"text":"Hello"}}
            """
        )
        #expect(scanned.error == nil)
        #expect(scanned.text(scanned.view.idToken?.range) == "\"abc-123\"")
        #expect(scanned.view.isIDMissingOrEmpty == false)
        #expect(scanned.view.parentIDToken == nil)
        #expect(scanned.text(scanned.view.routeRange) == #"{"actors":["prep","infer"],"current":0}"#)
        #expect(scanned.text(scanned.view.actorsRange) == #"["prep","infer"]"#)
        #expect(scanned.view.actorCount == 2)
        #expect(scanned.view.current == 0)
        #expect(scanned.string(scanned.view.currentActor) == "prep")
        #expect(scanned.text(scanned.view.headersRange) == #"{"trace_id":"t-1"}"#)
        #expect(scanned.text(scanned.view.payloadRange) == #"{"text":"Hello"}"#)
        #expect(scanned.view.metadataRange == nil)
        #expect(scanned.view.deadlineToken == nil)
        #expect(scanned.view.unknownMembers.isEmpty)
    }

    @Test(
        "known members of a wrong type are parse errors",
        arguments: [
            (#"{"id":5}"#, KnownMember.id), (#"{"id":true}"#, .id), (#"{"id":{}}"#, .id), (#"{"id":[]}"#, .id),
            (#"{"id":"a","parent_id":7}"#, .parentID), (#"{"id":"a","route":[]}"#, .route),
            (#"{"id":"a","route":"x"}"#, .route), (#"{"id":"a","route":5}"#, .route),
            (#"{"id":"a","route":{"actors":{}}}"#, .actors), (#"{"id":"a","route":{"actors":"a"}}"#, .actors),
            (#"{"id":"a","route":{"actors":["a",1]}}"#, .actorsElement),
            (#"{"id":"a","route":{"actors":[null]}}"#, .actorsElement),
            (#"{"id":"a","route":{"actors":["a",["b"]]}}"#, .actorsElement),
            (#"{"id":"a","route":{"current":0.0}}"#, .current), (#"{"id":"a","route":{"current":"0"}}"#, .current),
            (#"{"id":"a","route":{"current":true}}"#, .current), (#"{"id":"a","route":{"current":1e0}}"#, .current),
            (#"{"id":"a","route":{"current":[]}}"#, .current), (#"{"id":"a","route":{"metadata":[]}}"#, .metadata),
            (#"{"id":"a","route":{"metadata":"m"}}"#, .metadata), (#"{"id":"a","headers":[]}"#, .headers),
            (#"{"id":"a","headers":"h"}"#, .headers), (#"{"id":"a","headers":1}"#, .headers),
            (#"{"id":"a","headers":{},"headers":1}"#, .headers),
        ]
    )
    func refusesWrongTypes(text: String, member: KnownMember) {
        #expect(Scanned(text).error?.reason == .wrongType(member))
        #expect(Scanned(text).view.isWellFormedObject)
    }

    @Test(
        "null counts as absent",
        arguments: [
            #"{"id":null}"#, #"{"parent_id":null}"#, #"{"route":null}"#, #"{"headers":null}"#,
            #"{"route":{"actors":null,"current":null,"metadata":null}}"#, "{}", " null ",
        ]
    )
    func takesNullAsAbsent(_ text: String) {
        let scanned = Scanned(text)
        #expect(scanned.error == nil)
        #expect(scanned.view.isWellFormedObject)
        #expect(scanned.view.isIDMissingOrEmpty)
        #expect(scanned.view.idToken == nil)
        #expect(scanned.view.parentIDToken == nil)
        #expect(scanned.view.actorsRange == nil)
        #expect(scanned.view.current == 0)
        #expect(scanned.view.currentActor == nil)
        #expect(scanned.view.metadataRange == nil)
        #expect(scanned.view.headersRange == nil)
        #expect(scanned.view.payloadRange == nil)
    }

    @Test("a payload null is a payload")
    func seesNullPayload() {
        let scanned = Scanned(#"{"id":"a","payload": null }"#)
        #expect(scanned.text(scanned.view.payloadRange) == "null")
    }

    @Test("valid JSON that is not an object is refused", arguments: ["[]", "\"x\"", "5", "true", "[{\"id\":\"a\"}]"])
    func refusesNonObjects(_ text: String) {
        #expect(Scanned(text).error?.reason == .notAnObject)
        #expect(!Scanned(text).view.isWellFormedObject)
    }

    @Test("an empty id is no id", arguments: [#"{"id":""}"#, #"{"payload":1}"#])
    func seesMissingID(_ text: String) {
        #expect(Scanned(text).error == nil)
        #expect(Scanned(text).view.isIDMissingOrEmpty)
    }

    @Test("of equal names the last one wins, wrong types before it do not matter")
    func takesLastOfEqualNames() {
        let scanned = Scanned(
            #"{"id":5,"payload":1,"id":"b","route":5,"route":{"actors":[1],"current":"x","actors":["p"],"current":0},"#
                + #""p\u0061yload":2,"headers":7,"headers":{"a":1}}"#
        )
        #expect(scanned.error == nil)
        #expect(scanned.string(scanned.view.idToken) == "b")
        #expect(scanned.string(scanned.view.currentActor) == "p")
        #expect(scanned.text(scanned.view.payloadRange) == "2")
        #expect(scanned.text(scanned.view.headersRange) == #"{"a":1}"#)
        let again = Scanned(#"{"route":{"actors":["a"],"x":1},"route":{"current":3}}"#)
        #expect(again.view.actorsRange == nil)
        #expect(again.view.current == 3)
        #expect(again.view.route.unknownMembers.isEmpty)
        #expect(Scanned(#"{"route":{"actors":["a"]},"route":null}"#).view.routeRange == nil)
    }

    @Test("names are case-sensitive and are compared decoded")
    func comparesDecodedNames() {
        let scanned = Scanned(#"{"ID":5,"Route":5,"\u0069\u0064":"a","rout\u0065":{"\u0061ctors":["x"]},"headers ":1}"#)
        #expect(scanned.error == nil)
        #expect(scanned.string(scanned.view.idToken) == "a")
        #expect(scanned.string(scanned.view.currentActor) == "x")
        #expect(scanned.view.unknownMembers.count == 3)
        // Escaped names that are longer than any we know, or that only begin like one.
        #expect(Scanned(#"{"\u0069d\u0000":5,"parent_id\u0031":5,"paren\u0074_idxxxxxxxxxxxxxxxx":5}"#).error == nil)
    }

    @Test(
        "the index is an integer token of any size",
        arguments: [
            ("0", 0), ("-0", 0), ("1", 1), ("-1", -1), ("9223372036854775807", Int.max),
            ("9223372036854775808", Int.max), ("-9223372036854775808", Int.min), ("-9223372036854775809", Int.min),
            ("123456789012345678901234567890", Int.max), ("-123456789012345678901234567890", Int.min),
        ]
    )
    func readsIndex(token: String, value: Int) {
        let scanned = Scanned(#"{"id":"a","route":{"actors":["p","q"],"current":\#(token)}}"#)
        #expect(scanned.error == nil)
        #expect(scanned.view.current == value)
        #expect(scanned.text(scanned.view.route.currentRange) == token)
        let actors = ["p", "q"]
        #expect(scanned.string(scanned.view.currentActor) == (actors.indices.contains(value) ? actors[value] : nil))
    }

    @Test("the current actor is found at any place of a long route, index before or after the list")
    func findsCurrentActor() {
        for count in [0, 1, 7, 8, 9, 16, 10_000] {
            let actors = (0..<count).map { "\"actor-\($0)\"" }.joined(separator: ", ")
            for index in [-1, 0, 1, 6, 7, 8, 9, 15, count - 1, count, count + 5] {
                let routes = [
                    #""current":\#(index),"actors":[\#(actors)]"#, #""actors":[ \#(actors) ],"current":\#(index)"#,
                ]
                for route in routes {
                    let scanned = Scanned(#"{"id":"a","route":{\#(route)}}"#)
                    #expect(scanned.view.actorCount == count)
                    let expected = (0..<count).contains(index) ? "actor-\(index)" : nil
                    #expect(scanned.string(scanned.view.currentActor) == expected)
                }
            }
        }
    }

    @Test("a deadline of another type is carried along, not refused")
    func readsDeadline() {
        let scanned = Scanned(#"{"id":"a","deadline":"2030-01-01T00:00:00Z"}"#)
        #expect(scanned.string(scanned.view.deadlineToken) == "2030-01-01T00:00:00Z")
        #expect(scanned.view.unknownMembers.count == 1)
        #expect(Scanned(#"{"id":"a","deadline":5}"#).error == nil)
        #expect(Scanned(#"{"id":"a","deadline":5}"#).view.deadlineToken == nil)
    }

    @Test("unknown members are found with their text; of equal names the last one")
    func listsUnknownMembers() {
        func unknown(_ text: String) -> [String] {
            let scanned = Scanned(text)
            var members: [String] = []
            withExactBytes(scanned.bytes) { bytes in
                scanned.view.unknownMembers.forEach(in: bytes) { members.append(scanned.text($0) ?? "") }
            }
            return members
        }
        #expect(unknown(#"{"id":"a","payload":[1,2]}"#) == [])
        #expect(
            unknown(#"{"x" : {"y":1} ,"id":"a","payload":{"z":1},"deadline":"d"}"#) == [
                #""x" : {"y":1}"#, #""deadline":"d""#,
            ]
        )
        #expect(unknown(#"{"x":1,"y":2,"\u0078":3,"payload":1,"payload":2}"#) == [#""y":2"#, #""\u0078":3"#])
        #expect(unknown(#"{"deadline":1,"deadline":2}"#) == [#""deadline":2"#])
        let many = (0..<5000).map { #""k\#($0 % 1000)":\#($0)"# }.joined(separator: ",")
        #expect(unknown("{\(many)}") == (4000..<5000).map { #""k\#($0 % 1000)":\#($0)"# })
        for count in [15, 16, 17, 18] {
            let members = (0..<count).map { #""k\#($0 % (count - 1))":\#($0)"# }
            #expect(unknown("{\(members.joined(separator: ","))}") == Array(members.dropFirst()))
        }
        // Canonically equivalent, but not equal.
        #expect(unknown("{\"\u{E9}\":1,\"e\u{301}\":2}").count == 2)
    }

    @Test("a body with strings that are not UTF-8 is malformed, but what it says can be used")
    func salvagesInvalidUTF8() {
        let text = Array(#"{"id":"a","route":{"actors":["p"]},"payload":"x"#.utf8) + [0xFF] + Array(#"y","u":1}"#.utf8)
        let scanned = Scanned(text)
        guard case .malformed(let fault) = scanned.error?.reason else {
            Issue.record("accepted")
            return
        }
        #expect(fault.kind == .invalidUTF8)
        #expect(scanned.view.hasInvalidUTF8)
        #expect(!scanned.view.isWellFormedObject)
        #expect(scanned.string(scanned.view.idToken) == "a")
        #expect(scanned.string(scanned.view.currentActor) == "p")
        #expect(scanned.view.payloadRange?.count == 5)
    }
}
