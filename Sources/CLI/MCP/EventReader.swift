/// Splits the bytes of an event stream into events. Fed piece by piece, wherever the pieces are cut.
struct EventReader {
    struct Event: Equatable {
        var id: String?
        var data: String
    }

    /// Longest line; a result in an event may be large.
    static let lineByteLimit = 256 << 20

    private var line: [UInt8] = []
    private var id: String?
    private var data: [String] = []
    private(set) var isTooLong = false

    /// The events that became complete.
    mutating func read(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            if byte != UInt8(ascii: "\n") {
                self.line.append(byte)
                if self.line.count > Self.lineByteLimit { self.isTooLong = true }
                continue
            }
            if self.line.last == UInt8(ascii: "\r") { self.line.removeLast() }
            if self.line.isEmpty {
                if !self.data.isEmpty { events.append(Event(id: self.id, data: self.data.joined(separator: "\n"))) }
                self.id = nil
                self.data = []
            } else {
                self.take(String(decoding: self.line, as: UTF8.self))
                self.line.removeAll(keepingCapacity: true)
            }
        }
        return events
    }

    private mutating func take(_ line: String) {
        guard let colon = line.firstIndex(of: ":") else { return }
        var value = line[line.index(after: colon)...]
        if value.first == " " { value = value.dropFirst() }
        switch line[..<colon] {
        case "id": self.id = String(value)
        case "data": self.data.append(String(value))
        default: break  // A comment, or a field that says nothing to us.
        }
    }
}
