import Testing

@testable import Gateway

@Suite struct HTMLTests {
    @Test(arguments: [
        ("plain", "plain"), ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("\" onload=\"x", "&quot; onload=&quot;x"), ("a & b", "a &amp; b"), ("it's", "it&#39;s"),
        ("&lt;", "&amp;lt;"), ("Grüße 🌍", "Grüße 🌍"), ("a\0b\u{1B}c", "a\u{FFFD}b\u{FFFD}c"), ("a\tb\nc", "a\tb\nc"),
    ])
    func whatIsInterpolatedIsEscaped(text: String, escaped: String) {
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        #expect(html.text == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test func htmlInHtmlStaysAsItIs() {
        let item: HTML = "<li>\("<")</li>"
        let list: HTML = "<ul>\([item, item])\(item)\(3)</ul>"
        #expect(list.text == "<ul><li>&lt;</li><li>&lt;</li><li>&lt;</li>3</ul>")
    }
}

@Suite struct FormTests {
    @Test(arguments: [
        ("", [:]), ("a=1&b=2", ["a": "1", "b": "2"]), ("a=1&a=2", ["a": "2"]), ("a", ["a": ""]),
        ("a%2Fb=x+y%26z", ["a/b": "x y&z"]), ("a=1%0D%0A2", ["a": "1\n2"]), ("a=%C3%A9", ["a": "é"]),
        ("a=b=c", ["a": "b=c"]),
    ])
    func aFormBody(text: String, values: [String: String]) {
        #expect(FormBody.parse(Array(text.utf8)) == values)
    }

    @Test(arguments: ["a=%", "a=%4", "a=%zz", "a=%FF"]) func aBrokenFormBody(text: String) {
        #expect(FormBody.parse(Array(text.utf8)) == nil)
    }

    static var parameters: [ToolParameter] {
        var text = ToolParameter(name: "text", type: .string)
        text.isRequired = true
        let count = ToolParameter(name: "count", type: .integer)
        let ratio = ToolParameter(name: "ratio", type: .number)
        let loud = ToolParameter(name: "loud", type: .boolean)
        var style = ToolParameter(name: "style", type: .string)
        style.options = ["a", "b"]
        var tags = ToolParameter(name: "tags", type: .array)
        tags.items = [ToolParameter(name: "", type: .string)]
        var numbers = ToolParameter(name: "numbers", type: .array)
        numbers.items = [ToolParameter(name: "", type: .integer)]
        var place = ToolParameter(name: "place", type: .object)
        place.properties = [ToolParameter(name: "zip", type: .integer), ToolParameter(name: "city", type: .string)]
        let anything = ToolParameter(name: "anything", type: .object)
        return [text, count, ratio, loud, style, tags, numbers, place, anything]
    }

    @Test(arguments: [
        (["text": "hi"], #"{"text":"hi"}"#), ([:], "{}"), (["text": ""], #"{"text":""}"#),
        (["text": "5", "count": "5"], #"{"text":"5","count":5}"#), (["ratio": "1.50"], #"{"ratio":1.50}"#),
        (["loud": "true", "style": "b"], #"{"loud":true,"style":"b"}"#),
        (["tags": "a\nb\n"], #"{"tags":["a","b"]}"#), (["numbers": "1\n2"], #"{"numbers":[1,2]}"#),
        (["place/zip": "7"], #"{"place":{"zip":7}}"#), (["anything": #"{"x":[1]}"#], #"{"anything":{"x":[1]}}"#),
        (["unknown": "x"], "{}"),
    ])
    func valuesBecomeArguments(values: [String: String], json: String) throws {
        #expect(try FormField.arguments(Self.parameters, values: values).text == json)
    }

    @Test(arguments: [
        ("count", "five", "count: is not a integer"), ("count", "true", "count: is not a integer"),
        ("ratio", "x", "ratio: is not a number"), ("loud", "maybe", "loud: is not a boolean"),
        ("numbers", "1\nx", "numbers: is not a integer"), ("anything", "{", "anything: is not JSON"),
        ("place/zip", "x", "place/zip: is not a integer"),
    ])
    func whatDoesNotFitIsNamed(field: String, value: String, text: String) throws {
        let fault = try #require(throws: FormField.Fault.self) {
            try FormField.arguments(Self.parameters, values: [field: value])
        }
        #expect(fault.description == text)
    }
}

@Suite struct RouteTimelineTests {
    static func time(_ seconds: Int64) -> EpochTime { EpochTime(microseconds: seconds * 1_000_000) }

    static func update(_ index: Int, _ phase: ActorPhase, at seconds: Int64) -> EnvelopeUpdate {
        var update = EnvelopeUpdate(envelopeID: "e", status: .running, timestamp: self.time(seconds))
        update.currentActorIndex = index
        update.phase = phase
        return update
    }

    static func timeline(_ status: EnvelopeStatus, _ updates: [EnvelopeUpdate], now: Int64) -> RouteTimeline {
        var state = EnvelopeState(id: "e", actors: ["a", "b", "c"], createdAt: self.time(0))
        state.status = status
        state.currentActorIndex = updates.last?.currentActorIndex ?? 0
        var record = EnvelopeRecord(state: state, payload: .emptyObject)
        record.updatedAt = self.time(now)
        return RouteTimeline(record, updates: updates, now: self.time(now))
    }

    static func texts(_ timeline: RouteTimeline) -> [String] {
        timeline.hops.map { hop in
            "\(hop.actor) \(hop.state.rawValue) \(hop.duration.map(DurationText.short) ?? "-")"
        }
    }

    @Test func nothingHasBegun() {
        #expect(Self.texts(Self.timeline(.pending, [], now: 5)) == ["a waiting -", "b waiting -", "c waiting -"])
    }

    @Test func oneIsDoneAndOneIsActive() {
        let updates = [
            Self.update(0, .received, at: 1), Self.update(0, .processing, at: 2), Self.update(0, .completed, at: 3),
            Self.update(1, .received, at: 4),
        ]
        #expect(
            Self.texts(Self.timeline(.running, updates, now: 10)) == ["a done 2.0 s", "b active 6.0 s", "c waiting -"]
        )
    }

    @Test func completedWithTheIndexOfTheNextActorIsUnderstood() {
        let updates = [Self.update(0, .received, at: 1), Self.update(1, .completed, at: 3)]
        #expect(Self.texts(Self.timeline(.running, updates, now: 10))[0] == "a done 2.0 s")
    }

    @Test func theActorWhereItFailedIsMarked() {
        let updates = [
            Self.update(0, .received, at: 1), Self.update(0, .completed, at: 2), Self.update(1, .processing, at: 3),
        ]
        #expect(
            Self.texts(Self.timeline(.failed, updates, now: 8)) == ["a done 1.0 s", "b failed 5.0 s", "c waiting -"]
        )
    }

    @Test func afterSuccessAllAreDone() {
        let updates = [Self.update(0, .received, at: 1)]
        #expect(Self.timeline(.succeeded, updates, now: 8).hops.allSatisfy { $0.state == .done })
    }

    @Test(arguments: [
        (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "1 min 1 s"), (3_661_000, "1 h 1 min"),
    ])
    func durations(milliseconds: Int, text: String) {
        #expect(DurationText.short(.milliseconds(milliseconds)) == text)
    }
}
