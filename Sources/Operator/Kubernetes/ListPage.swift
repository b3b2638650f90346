import Envelope
import Support

/// One page of a list. The items are cut apart without parsing them all at once, so that a large page does not need
/// many times its size in memory.
struct ListPage {
    let resourceVersion: String
    let continuation: String?
    private let body: [UInt8]
    private let items: [Range<Int>]

    /// Looks through the body of an answer.
    init(_ body: [UInt8]) throws(APIError) {
        var body = body
        var parts = Self.parts(of: body)
        if case .failure(let fault) = parts, fault.kind == .tooDeep {
            // One object must not hide all others: a page with fewer levels.
            body = try Self.shallow(body)
            parts = Self.parts(of: body)
        }
        guard case .success(let (items, metadata)) = parts else {
            throw APIError.invalidResponse("a list that is no JSON object")
        }
        guard let version = metadata["resourceVersion"]?.string else {
            throw APIError.invalidResponse("a list without resourceVersion")
        }
        self.body = body
        self.resourceVersion = version
        self.continuation = metadata["continue"]?.string
        self.items = items
    }

    private typealias Parts = (items: [Range<Int>], metadata: Support.JSONValue)

    private static func parts(of body: [UInt8]) -> Result<Parts, JSONFault> {
        body.withUnsafeBytes { bytes in
            let root: Envelope.JSONValue
            do throws(JSONFault) {
                root = try Envelope.JSONValue.scan(bytes)
            } catch {
                return .failure(error)
            }
            var parts: Parts = ([], .null)
            // What is no object has no version either.
            guard let members = root.members(in: bytes) else { return .success(parts) }
            for (name, value) in members {
                if name.equals("items", in: bytes) {
                    parts.items = (value.elements(in: bytes).map { $0.map(\.range) }) ?? []
                } else if name.equals("metadata", in: bytes) {
                    let text = String(decoding: bytes[value.range], as: UTF8.self)
                    parts.metadata = (try? Support.JSONValue(parsing: text)) ?? .null  // Reported as a missing version.
                }
            }
            return .success(parts)
        }
    }

    private static func shallow(_ body: [UInt8]) throws(APIError) -> [UInt8] {
        let text = String(decoding: body, as: UTF8.self)
        do {
            let limit = APIClient.answerByteLimit
            return try Support.JSONValue(parsing: text, byteLimit: limit, tooDeep: .empty).canonicalBytes
        } catch {
            throw APIError.invalidResponse("a list: \(error)")
        }
    }

    /// How many objects the page has.
    var count: Int { self.items.count }

    /// Parses the object at `index`.
    func object(at index: Int) throws(APIError) -> Support.JSONValue {
        let text = String(decoding: self.body[self.items[index]], as: UTF8.self)
        do {
            return try Support.JSONValue(parsing: text, byteLimit: WatchFrameDecoder.lineByteLimit, tooDeep: .empty)
        } catch {
            throw APIError.invalidResponse("an object of a list: \(error)")
        }
    }
}
