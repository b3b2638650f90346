import Support

/// One line of a watch.
enum WatchEvent: Equatable {
    /// An object is new or has changed.
    case stored(JSONValue)
    /// An object is gone, or no longer matches the selector.
    case removed(JSONValue)
    /// Nothing happened up to this resourceVersion.
    case bookmark(resourceVersion: String)
    /// The server ends the watch with an error.
    case failed(APIStatus)

    /// Reads a line.
    init(line: [UInt8]) throws(APIError) {
        let value: JSONValue
        do {
            let text = String(decoding: line, as: UTF8.self)
            value = try JSONValue(parsing: text, byteLimit: WatchFrameDecoder.lineByteLimit, tooDeep: .empty)
        } catch {
            throw APIError.invalidResponse("watch event: \(error)")
        }
        guard let type = value["type"]?.string, let object = value["object"] else {
            throw APIError.invalidResponse("watch event without type or object")
        }
        switch type {
        case "ADDED", "MODIFIED": self = .stored(object)
        case "DELETED": self = .removed(object)
        case "BOOKMARK":
            guard let version = object["metadata"]?["resourceVersion"]?.string else {
                throw APIError.invalidResponse("bookmark without resourceVersion")
            }
            self = .bookmark(resourceVersion: version)
        case "ERROR": self = .failed(APIStatus(status: object))
        default: throw APIError.invalidResponse("watch event of an unknown type")
        }
    }
}
