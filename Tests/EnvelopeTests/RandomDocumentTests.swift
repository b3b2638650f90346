import Envelope
import Foundation
import SeededRandom
import Testing

/// Laws on random documents: the same accept and refuse decisions as a plain reading of the grammar, the same
/// values as Foundation reads, and output that carries untouched bytes.
@Suite("Random documents")
struct RandomDocumentTests {
    static let seeds: [UInt64] = Array(1...8)

    @Test("random and mutated texts are judged as the grammar says", arguments: seeds)
    func agreesWithGrammar(seed: UInt64) {
        var generator = DocumentGenerator(seed: seed)
        for _ in 0..<1500 {
            var text = Array(generator.envelope().utf8)
            #expect(JSONGrammarTests.accepts(text), "seed \(seed)")
            for _ in 0..<Int.random(in: 0...4, using: &generator.random) {
                generator.mutate(&text)
                let expected = ReferenceJSON.accepts(text)
                if JSONGrammarTests.accepts(text) != expected {
                    Issue.record("seed \(seed): grammar says \(expected): \(String(decoding: text, as: UTF8.self))")
                }
                let isMalformed =
                    switch Scanned(text).error?.reason {
                    case .malformed: true
                    case .notAnObject, .wrongType, nil: false
                    }
                #expect(isMalformed != expected, "seed \(seed)")
            }
        }
    }

    @Test("Foundation reads the same members", arguments: seeds)
    func agreesWithFoundation(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: seed &+ 1000)
        for _ in 0..<400 {
            let text = generator.envelope()
            let scanned = Scanned(text)
            #expect(scanned.error == nil, "seed \(seed): \(text)")
            let object = try #require(try Self.parse(text) as? NSDictionary)
            #expect(scanned.string(scanned.view.idToken) == object["id"] as? String)
            #expect(scanned.string(scanned.view.parentIDToken) == object["parent_id"] as? String)
            let route = try #require(object["route"] as? NSDictionary)
            let actors = try #require(route["actors"] as? [String])
            let current = route["current"] as? Int ?? 0
            #expect(scanned.view.actorCount == actors.count)
            #expect(scanned.view.current == current)
            let expected = actors.indices.contains(current) ? actors[current] : nil
            #expect(scanned.string(scanned.view.currentActor) == expected)
            try Self.expectSame(scanned.text(scanned.view.payloadRange), object["payload"])
            try Self.expectSame(scanned.text(scanned.view.headersRange), object["headers"])
            try Self.expectSame(scanned.text(scanned.view.metadataRange), route["metadata"])
        }
    }

    @Test("what is written can be read again and carries the input's bytes", arguments: seeds)
    func roundTrips(seed: UInt64) throws {
        var generator = DocumentGenerator(seed: seed &+ 2000)
        for _ in 0..<400 {
            let message = generator.envelope()
            let count = Int.random(in: 1...3, using: &generator.random)
            let reply = "[" + (0..<count).map { _ in generator.element() }.joined(separator: " , ") + "]"
            let input = Scanned(message)
            for index in 0..<count {
                let text = try #require(nextHop(message, reply, element: index), "seed \(seed): \(message) \(reply)")
                let output = Scanned(text)
                #expect(output.error == nil, "seed \(seed): \(text)")
                try Self.expectPrecedence(input, reply: reply, index: index, output: output)
            }
            let error = errorEnvelope(for: input.bytes, problem: .missingRoute)
            let scannedError = Scanned(error)
            #expect(scannedError.error == nil, "seed \(seed): \(error)")
            let payload = try #require(input.text(input.view.payloadRange))
            #expect(error.utf8.count > payload.utf8.count)
            #expect(error.contains(",\"original_payload\":" + payload + ",\"failed_actor\":\"infer\"}"))
        }
    }

    @Test("error envelopes of garbage are envelopes", arguments: seeds)
    func errorEnvelopesAreEnvelopes(seed: UInt64) {
        var generator = DocumentGenerator(seed: seed &+ 3000)
        for _ in 0..<800 {
            var text = Array(generator.envelope().utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator.random) { generator.mutate(&text) }
            let error = Scanned(errorEnvelope(for: text))
            #expect(error.error == nil, "seed \(seed): \(String(decoding: text, as: UTF8.self))")
        }
    }

    private static func parse(_ text: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    private static func expectSame(_ text: String?, _ value: Any?) throws {
        guard let text else {
            #expect(value == nil)
            return
        }
        let parsed = try self.parse(text) as? NSObject
        #expect(parsed == value as? NSObject)
    }

    /// The precedence of envelope.md 2.3, checked on texts.
    private static func expectPrecedence(_ input: Scanned, reply: String, index: Int, output: Scanned) throws {
        let element = try #require(
            try withExactBytes(reply) { bytes in
                Array(try RuntimeReply.scan(bytes).elements(in: bytes)).dropFirst(index).first
            }
        )
        func replyText(_ range: Range<Int>?) -> String? {
            range.map { String(decoding: Array(reply.utf8)[$0], as: UTF8.self) }
        }
        let view = output.view
        #expect(output.text(view.payloadRange) == replyText(element.payloadRange) ?? "null")
        #expect(output.text(view.actorsRange) == replyText(element.route?.actorsRange))
        #expect(output.text(view.route.currentRange) == replyText(element.route?.currentRange) ?? "0")
        let metadata = replyText(element.route?.metadataRange) ?? input.text(input.view.metadataRange)
        #expect(output.text(view.metadataRange) == metadata)
        if element.headersRange != nil {
            #expect(output.text(view.headersRange) == (element.hasHeaders ? replyText(element.headersRange) : nil))
        } else {
            #expect(
                output.text(view.headersRange) == (input.view.hasHeaders ? input.text(input.view.headersRange) : nil)
            )
        }
        let id = try #require(input.string(input.view.idToken))
        #expect(output.string(view.idToken) == (index == 0 ? id : "\(id)-\(index)"))
        let parent = index == 0 ? input.string(input.view.parentIDToken) : id
        #expect(output.string(view.parentIDToken) == parent)
    }
}

/// Random envelopes and replies that Foundation can read too: no lone surrogates, no numbers beyond a double.
struct DocumentGenerator {
    var random: SeededRandom

    init(seed: UInt64) { self.random = SeededRandom(seed: seed) }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self.random) < percent }

    mutating func space() -> String {
        guard self.chance(15) else { return "" }
        return [" ", "\n", "\t", "\r\n", "  "].randomElement(using: &self.random) ?? ""
    }

    mutating func string() -> String {
        let parts = [
            "a", "Z", "0", " ", "/", "<", "é", "漢", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9",
            "\\ud83d\\ude00",
            "plain text that is longer than a block", "\u{7F}", "\u{FFFD}",
        ]
        let count = Int.random(in: 0...6, using: &self.random)
        return "\"" + (0..<count).map { _ in parts.randomElement(using: &self.random) ?? "" }.joined() + "\""
    }

    mutating func number() -> String {
        let numbers = [
            "0", "-0", "1", "-17", "3.25", "1e5", "-2.5E-3", "9007199254740993", "0.1", "123456789.5", "1E+2",
        ]
        return numbers.randomElement(using: &self.random) ?? "0"
    }

    mutating func value(depth: Int = 0) -> String {
        switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &self.random) {
        case 0: return "null"
        case 1: return self.chance(50) ? "true" : "false"
        case 2, 3: return self.number()
        case 4: return self.string()
        case 5:
            let entries = (0..<Int.random(in: 0...4, using: &self.random)).map { _ in self.value(depth: depth + 1) }
            return "[" + self.space() + entries.joined(separator: self.space() + "," + self.space()) + self.space()
                + "]"
        default: return self.object(depth: depth + 1)
        }
    }

    mutating func object(depth: Int = 1) -> String {
        // Distinct names: which of two equal ones Foundation keeps is not its promise.
        let members = (0..<Int.random(in: 0...4, using: &self.random)).map { index in
            "\"m\(index)\"" + self.space() + ":" + self.space() + self.value(depth: depth)
        }
        return self.join(members)
    }

    mutating func join(_ members: [String]) -> String {
        "{" + self.space() + members.joined(separator: self.space() + "," + self.space()) + self.space() + "}"
    }

    mutating func route() -> String {
        let actors = (0..<Int.random(in: 0...12, using: &self.random)).map { _ in self.string() }
        var members = [
            "\"actors\":[" + self.space() + actors.joined(separator: "," + self.space()) + self.space() + "]"
        ]
        if self.chance(80) { members.append("\"current\":\(Int.random(in: -2...13, using: &self.random))") }
        if self.chance(40) { members.append("\"metadata\" : \(self.object())") }
        if self.chance(40) { members.append("\"x\(Int.random(in: 0...2, using: &self.random))\":\(self.value())") }
        return self.join(members.shuffled(using: &self.random))
    }

    mutating func envelope() -> String {
        var members = ["\"id\":\(self.string())", "\"route\":\(self.route())", "\"payload\":\(self.value())"]
        if self.chance(40) { members.append("\"parent_id\":\(self.chance(20) ? "null" : self.string())") }
        if self.chance(50) { members.append("\"he\\u0061ders\" :\(self.object())") }
        if self.chance(30) { members.append("\"deadline\":\"2030-01-01T00:00:00Z\"") }
        if self.chance(40) { members.append("\"unknown\":\(self.value())") }
        return self.space() + self.join(members.shuffled(using: &self.random)) + self.space()
    }

    mutating func element() -> String {
        var members = ["\"route\":\(self.route())"]
        if self.chance(80) { members.append("\"payload\":\(self.value())") }
        if self.chance(30) { members.append("\"headers\":\(self.object())") }
        if self.chance(30) { members.append("\"other\":\(self.value())") }
        if self.chance(10) { members.append("\"error\":\"\"") }
        return self.join(members.shuffled(using: &self.random))
    }

    /// Changes, removes, doubles or inserts a byte, mostly one that means something in JSON.
    mutating func mutate(_ text: inout [UInt8]) {
        guard !text.isEmpty else { return }
        let interesting =
            Array("{}[]\",:\\ \n\t-+.0123eEutrfnxé/".utf8) + [0x00, 0x1F, 0x80, 0xC0, 0xE0, 0xED, 0xF4, 0xFF]
        let place = Int.random(in: text.indices, using: &self.random)
        let byte = interesting.randomElement(using: &self.random) ?? 0
        switch Int.random(in: 0..<5, using: &self.random) {
        case 0: text.remove(at: place)
        case 1: text.insert(byte, at: place)
        case 2: text.removeSubrange(place..<min(place + Int.random(in: 1...8, using: &self.random), text.count))
        case 3: text.insert(contentsOf: text[place..<min(place + 4, text.count)], at: place)
        default: text[place] = byte
        }
    }
}
