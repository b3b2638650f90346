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
        self.body = body
        var items: [Range<Int>] = []
        var metadata: Support.JSONValue = .null
        var problem: String?
        body.withUnsafeBytes { bytes in
            guard let root = try? Envelope.JSONValue.scan(bytes), let members = root.members(in: bytes) else {
                problem = "a list that is no JSON object"
                return
            }
            for (name, value) in members {
                if name.equals("items", in: bytes) {
                    items = (value.elements(in: bytes).map { $0.map(\.range) }) ?? []
                } else if name.equals("metadata", in: bytes) {
                    let text = String(decoding: bytes[value.range], as: UTF8.self)
                    metadata = (try? Support.JSONValue(parsing: text)) ?? .null  // Reported as a missing version.
                }
            }
        }
        if let problem { throw APIError.invalidResponse(problem) }
        guard let version = metadata["resourceVersion"]?.string else {
            throw APIError.invalidResponse("a list without resourceVersion")
        }
        self.resourceVersion = version
        self.continuation = metadata["continue"]?.string
        self.items = items
    }

    /// How many objects the page has.
    var count: Int { self.items.count }

    /// Parses the object at `index`.
    func object(at index: Int) throws(APIError) -> Support.JSONValue {
        let text = String(decoding: self.body[self.items[index]], as: UTF8.self)
        do {
            return try Support.JSONValue(parsing: text, byteLimit: WatchFrameDecoder.lineByteLimit)
        } catch {
            throw APIError.invalidResponse("an object of a list: \(error)")
        }
    }
}
