import Glibc
internal import Support

/// The gateway of an `asya up` that runs: a file beside the queues tells other commands of the machine where it is.
public struct RunningGateway: Equatable, Sendable {
    /// Name of the file in the folder of the queues.
    public static let fileName = "gateway.json"
    private static let byteLimit = 4096

    /// Base address, without a slash at the end.
    public var url: String
    /// The `asya up` that answers for it; the file of one that was killed stays behind.
    public var process: Int32

    /// The gateway at `url` that `process` runs.
    public init(url: String, process: Int32) {
        self.url = url
        self.process = process
    }

    /// What the file holds.
    public var document: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("url")
        writer.string(self.url)
        writer.name("process")
        writer.integer(Int(self.process))
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    /// Reads such a document; nil for anything else.
    public init?(document: [UInt8]) {
        guard let text = String(validating: document, as: UTF8.self), let json = try? JSONValue(parsing: text),
            let url = json.members?["url"]?.string, url.hasPrefix("http"),
            let process = json.members?["process"]?.number.flatMap({ Int32(exactly: $0) }), process > 0
        else { return nil }
        self.init(url: url, process: process)
    }

    /// The gateway of this place, when the process that runs it is alive.
    public static func find(at place: StorePlace) -> RunningGateway? {
        let descriptor = open("\(place.folder)/\(self.fileName)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: self.byteLimit)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0, let gateway = RunningGateway(document: Array(bytes[..<count])) else { return nil }
        return kill(gateway.process, 0) == 0 || errno == EPERM ? gateway : nil
    }
}
