import ActorResource
import Envelope
import Support

/// Makes envelopes (envelope.md section 2) for one route: the payload's bytes go in as they are.
struct EnvelopeDraft {
    /// A header of every envelope; the value is JSON text.
    struct Header: Equatable {
        var name: String
        var json: String
    }

    /// An envelope that is ready to be sent.
    struct Ready: Equatable {
        var id: String
        var queueName: String
        var body: [UInt8]
    }

    /// Longer ids are a mistake; each fan-out appends to them.
    static let idByteLimit = 512
    /// Longest route; every hop carries it.
    static let actorLimit = 1000

    private let actors: [String]
    private let headers: [Header]

    /// Of equal names the last header counts.
    init(actors: [String], headers: [Header]) {
        precondition(!actors.isEmpty, "a route names at least one actor")
        self.actors = actors
        var unique: [Header] = []
        for header in headers {
            unique.removeAll { $0.name == header.name }
            unique.append(header)
        }
        self.headers = unique
    }

    /// The envelope around `payload`, which has to be one JSON value.
    func envelope(id: String, payload: [UInt8]) throws(JSONFault) -> Ready {
        let text = try Self.value(payload)
        var writer = JSONWriter(capacity: text.count + 256)
        writer.beginObject()
        writer.name("id")
        writer.string(id)
        writer.name("route")
        writer.beginObject()
        writer.name("actors")
        writer.beginArray()
        for actor in self.actors { writer.string(actor) }
        writer.endArray()
        writer.name("current")
        writer.integer(0)
        writer.endObject()
        if !self.headers.isEmpty {
            writer.name("headers")
            writer.beginObject()
            for header in self.headers {
                writer.name(header.name)
                writer.raw(header.json)
            }
            writer.endObject()
        }
        writer.name("payload")
        writer.raw(text)
        writer.endObject()
        return Ready(id: id, queueName: AsyncActor.queuePrefix + self.actors[0], body: writer.bytes)
    }

    /// The value without the white space around it; strict JSON.
    static func value(_ json: [UInt8]) throws(JSONFault) -> ArraySlice<UInt8> {
        // Typed throws do not pass through withUnsafeBytes.
        let result: Result<Range<Int>, JSONFault> = json.withUnsafeBytes { bytes in
            do throws(JSONFault) { return .success(try ScannedJSON.scan(bytes).range) } catch { return .failure(error) }
        }
        return json[try result.get()]
    }

    /// A random id: a version 4 UUID.
    static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & ~0xF000 | 0x4000
        let low = generator.next() & ~(0xC000 << 48) | 0x8000 << 48
        func hexadecimal(_ value: UInt64, _ digitCount: Int) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: digitCount - digits.utf8.count) + digits
        }
        return [
            hexadecimal(high >> 32, 8), hexadecimal(high >> 16 & 0xFFFF, 4), hexadecimal(high & 0xFFFF, 4),
            hexadecimal(low >> 48, 4), hexadecimal(low & 0xFFFF_FFFF_FFFF, 12),
        ].joined(separator: "-")
    }

    /// A `--header` argument: `name=text` or `name:=JSON`. Nil when it is neither.
    static func header(_ argument: String) -> Header? {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex else { return nil }
        let value = String(argument[argument.index(after: equals)...])
        let before = argument[..<equals]
        guard before.hasSuffix(":") else {
            var json: [UInt8] = []
            JSONWriter.appendString(value, to: &json)
            return Header(name: String(before), json: String(decoding: json, as: UTF8.self))
        }
        guard before.utf8.count > 1, let text = try? self.value(Array(value.utf8)) else { return nil }
        return Header(name: String(before.dropLast()), json: String(decoding: text, as: UTF8.self))
    }
}
