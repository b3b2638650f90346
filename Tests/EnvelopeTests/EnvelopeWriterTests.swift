import Envelope
import Testing

/// envelope.md 2.2, 2.3, 2.4 and 6: exact bytes of the next hop.
@Suite("EnvelopeWriter")
struct EnvelopeWriterTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let input: String
        let reply: String
        var index = 0
        let output: String
        var testDescription: String { self.name }
    }

    static let route = #""route":{"actors":["a","b"],"current":1}"#
    static let cases: [Case] = [
        Case(
            name: "plain hop: the route is R's, headers and unknown members are I's",
            input: #"{"id":"i","route":{"actors":["a","b"],"current":0},"headers":{"t":"1"},"payload":1,"x":{"y":1}}"#,
            reply: #"[{"payload":{"k":2},"route":{"actors":["a","b"],"current":1}}]"#,
            output: #"{"id":"i",\#(route),"headers":{"t":"1"},"payload":{"k":2},"x":{"y":1}}"#
        ),
        Case(
            name: "headers of R replace those of I",
            input: #"{"id":"i","headers":{"t":"1"}}"#,
            reply: #"[{"headers":{"u":2},"payload":0,\#(route)}]"#,
            output: #"{"id":"i",\#(route),"headers":{"u":2},"payload":0}"#
        ),
        Case(
            name: "empty headers of R clear those of I",
            input: #"{"id":"i","headers":{"t":"1"}}"#,
            reply: #"[{"headers":{ },"payload":0,\#(route)}]"#,
            output: #"{"id":"i",\#(route),"payload":0}"#
        ),
        Case(
            name: "null headers of R keep those of I",
            input: #"{"id":"i","headers":{"t":"1"}}"#,
            reply: #"[{"headers":null,"payload":0,\#(route)}]"#,
            output: #"{"id":"i",\#(route),"headers":{"t":"1"},"payload":0}"#
        ),
        Case(
            name: "empty headers of I are not written",
            input: #"{"id":"i","headers":{ },"parent_id":null}"#,
            reply: #"[{"payload":0,\#(route)}]"#,
            output: #"{"id":"i",\#(route),"payload":0}"#
        ),
        Case(
            name: "no payload is null",
            input: #"{"id":"i","payload":1}"#,
            reply: #"[{\#(route)}]"#,
            output: #"{"id":"i",\#(route),"payload":null}"#
        ),
        Case(
            name: "the payload's text is kept",
            input: #"{"id":"i"}"#,
            reply: #"[{"payload":{"n":12345678901234567890,"a<b":1.10,"z":1,"é":"\u00e9","a":1E5},\#(route)}]"#,
            output: #"{"id":"i",\#(route),"payload":{"n":12345678901234567890,"a<b":1.10,"z":1,"é":"\u00e9","a":1E5}}"#
        ),
        Case(
            name: "id, parent_id and unknown members of R are ignored",
            input: #"{"id":"i","parent_id":"p","x":1}"#,
            reply: #"[{"id":"no","parent_id":"no","x":2,"y":3,"payload":0,\#(route)}]"#,
            output: #"{"id":"i","parent_id":"p",\#(route),"payload":0,"x":1}"#
        ),
        Case(
            name: "R.route keeps what it has and gets what it lacks",
            input: #"{"id":"i","route":{"actors":["a"],"k":1,"l":2,"metadata":{"m":1}}}"#,
            reply: #"[{"payload":0,"route":{"l":3,"current":7,"actors":["a"],"n":4}}]"#,
            output: #"{"id":"i","route":{"actors":["a"],"current":7,"metadata":{"m":1},"l":3,"n":4,"k":1},"payload":0}"#
        ),
        Case(
            name: "metadata of R wins",
            input: #"{"id":"i","route":{"metadata":{"m":1}}}"#,
            reply: #"[{"payload":0,"route":{"actors":[],"current":0,"metadata":{}}}]"#,
            output: #"{"id":"i","route":{"actors":[],"current":0,"metadata":{}},"payload":0}"#
        ),
        Case(
            name: "a missing current is 0, missing actors are I's",
            input: #"{"id":"i","route":{"actors":["a","b"],"current":1}}"#,
            reply: #"[{"payload":0,"route":{}}]"#,
            output: #"{"id":"i","route":{"actors":["a","b"],"current":0},"payload":0}"#
        ),
        Case(
            name: "an index of any size is kept as it is",
            input: #"{"id":"i"}"#,
            reply: #"[{"payload":0,"route":{"actors":["a"],"current":-123456789012345678901234567890}}]"#,
            output: #"{"id":"i","route":{"actors":["a"],"current":-123456789012345678901234567890},"payload":0}"#
        ),
        Case(
            name: "repeated members are written once, the last one",
            input:
                #"{"id":"x","id":"i","x":1,"payload":5,"x":2,"route":{"k":1,"k":2},"headers":{"a":1},"headers":{"b":1}}"#,
            reply:
                #"[{"payload":1,"payload":2,"route":{"actors":["z"]},"route":{"actors":[1],"actors":["a"],"q":1,"\u0071":2}}]"#,
            output:
                #"{"id":"i","route":{"actors":["a"],"current":0,"\u0071":2,"k":2},"headers":{"b":1},"payload":2,"x":2}"#
        ),
        Case(
            name: "names of R.route and I.route are compared decoded",
            input: #"{"id":"i","route":{"\u006b":1}}"#,
            reply: #"[{"route":{"actors":[],"k":2}}]"#,
            output: #"{"id":"i","route":{"actors":[],"current":0,"k":2},"payload":null}"#
        ),
        Case(
            name: "a deadline is carried along",
            input: #"{"deadline":"2030-01-01T00:00:00Z","id":"i"}"#,
            reply: #"[{"payload":0,\#(route)}]"#,
            output: #"{"id":"i",\#(route),"payload":0,"deadline":"2030-01-01T00:00:00Z"}"#
        ),
        Case(
            name: "fan-out: index 0 keeps id and parent",
            input: #"{"id":"a-1","parent_id":"a"}"#,
            reply: #"[{\#(route)},{\#(route)}]"#,
            output: #"{"id":"a-1","parent_id":"a",\#(route),"payload":null}"#
        ),
        Case(
            name: "fan-out: index 0 without a parent",
            input: #"{"id":"a"}"#,
            reply: #"[{\#(route)},{\#(route)}]"#,
            output: #"{"id":"a",\#(route),"payload":null}"#
        ),
        Case(
            name: "fan-out: later elements are children",
            input: #"{"id":"a-1","parent_id":"a","x":1}"#,
            reply: #"[{\#(route)},{\#(route),"payload":7}]"#,
            index: 1,
            output: #"{"id":"a-1-1","parent_id":"a-1",\#(route),"payload":7,"x":1}"#
        ),
        Case(
            name: "fan-out: escapes of the id are kept",
            input: #"{"id":"\u0061\""}"#,
            reply: #"[{\#(route)},{\#(route)}]"#,
            index: 1,
            output: #"{"id":"\u0061\"-1","parent_id":"\u0061\"",\#(route),"payload":null}"#
        ),
        Case(
            name: "fan-out: decimal index",
            input: #"{"id":"a"}"#,
            reply: "[" + Array(repeating: "{\(route)}", count: 124).joined(separator: ",") + "]",
            index: 123,
            output: #"{"id":"a-123","parent_id":"a",\#(route),"payload":null}"#
        ),
    ]

    @Test("exact bytes", arguments: cases)
    func writes(_ example: Case) {
        #expect(nextHop(example.input, example.reply, element: example.index) == example.output)
    }

    @Test("routes of 10000 actors and thousands of unknown members")
    func writesLargeRoutes() throws {
        let actors = "[" + (0..<10_000).map { "\"a\($0)\"" }.joined(separator: ",") + "]"
        let members = (0..<3000).map { #","m\#($0)":\#($0)"# }.joined()
        let input = #"{"id":"i","route":{"actors":\#(actors),"current":9998\#(members)}}"#
        let reply = #"[{"route":{"actors":\#(actors),"current":9999,"m5":"R"}}]"#
        let kept = members.replacing(#","m5":5"#, with: "")
        let expected = #"{"id":"i","route":{"actors":\#(actors),"current":9999,"m5":"R"\#(kept)},"payload":null}"#
        #expect(nextHop(input, reply) == expected)
    }

    @Test("the id of a child alone")
    func writesID() throws {
        try withExactBytes(#"{"id":"a"}"#) { bytes in
            let view = try EnvelopeView.scan(bytes)
            for (index, expected) in [(0, "\"a\""), (7, "\"a-7\""), (Int.max, "\"a-9223372036854775807\"")] {
                var sink = ContiguousSink(input: bytes)
                EnvelopeWriter.writeID(of: view, fanOutIndex: index, to: &sink)
                #expect(String(decoding: sink.output, as: UTF8.self) == expected)
            }
        }
    }
}
