import Support

/// Understands one answer of the gateway as its bytes arrive: status and whether the connection can be used again.
/// The body is measured and thrown away. A pure value; the owner does the I/O.
struct HTTPResponseParser {
    /// A whole answer.
    struct Answer: Equatable {
        let status: Int
        let keepsAlive: Bool
    }

    enum Fault: Error, Equatable {
        case headTooLarge, bodyTooLarge, malformed
        /// The peer closed before the answer was complete.
        case closedEarly
    }

    enum Step: Equatable {
        case needsMore
        case complete(Answer)
    }

    static let headByteLimit = 64 * 1024
    static let bodyByteLimit = 1024 * 1024
    /// Interim answers (1xx) before the real one.
    private static let interimLimit = 8
    /// Hexadecimal digits of a chunk size that stays far below overflow.
    private static let chunkDigitLimit = 8

    private enum State: Equatable {
        case head
        case length(remaining: Int)
        case chunkSize(value: Int, digitCount: Int)
        case chunkExtension(size: Int)
        case chunkData(remaining: Int)
        case chunkEnd
        /// Lines behind the last chunk; whether the current one is still empty.
        case trailer(isLineEmpty: Bool)
        case untilClose
        case done
    }

    private var state = State.head
    private var head: [UInt8] = []
    private var searched = 0
    private var interimCount = 0
    private var bodyByteCount = 0
    private var trailerByteCount = 0
    private var status = 0
    private var keepsAlive = false
    /// Whether any byte of the answer has arrived.
    private(set) var hasStarted = false

    /// Takes the next bytes. What follows a complete answer is left out of `consumed`.
    mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> (consumed: Int, step: Step) {
        if !bytes.isEmpty { self.hasStarted = true }
        var position = 0
        while position < bytes.count, self.state != .done {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[position...])
            position += try self.advance(rest)
        }
        guard self.state == .done else { return (position, .needsMore) }
        return (position, .complete(Answer(status: self.status, keepsAlive: self.keepsAlive)))
    }

    /// The peer has closed its side.
    mutating func endOfStream() throws(Fault) -> Answer {
        guard self.state == .untilClose else { throw .closedEarly }
        self.state = .done
        return Answer(status: self.status, keepsAlive: false)
    }

    /// Handles the bytes of one state; returns how many were used, at least one.
    private mutating func advance(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Int {
        switch self.state {
        case .head:
            return try self.takeHead(bytes)
        case .length(let remaining):
            let count = min(remaining, bytes.count)
            try self.countBody(count)
            self.state = count == remaining ? .done : .length(remaining: remaining - count)
            return count
        case .chunkData(let remaining):
            let count = min(remaining, bytes.count)
            try self.countBody(count)
            self.state = count == remaining ? .chunkEnd : .chunkData(remaining: remaining - count)
            return count
        case .untilClose:
            try self.countBody(bytes.count)
            return bytes.count
        case .chunkSize, .chunkExtension, .chunkEnd, .trailer:
            try self.takeFraming(bytes[0])
            return 1
        case .done:
            preconditionFailure("nothing is read after the answer")
        }
    }

    private mutating func countBody(_ count: Int) throws(Fault) {
        self.bodyByteCount += count
        guard self.bodyByteCount <= Self.bodyByteLimit else { throw .bodyTooLarge }
    }

    // MARK: Head

    private mutating func takeHead(_ bytes: UnsafeRawBufferPointer) throws(Fault) -> Int {
        let before = self.head.count
        self.head.append(contentsOf: bytes.prefix(Self.headByteLimit + 1 - before))
        let end = self.head.withUnsafeBytes { HTTPHead.end(in: $0, searched: &self.searched) }
        guard let end, end <= Self.headByteLimit else {
            guard self.head.count <= Self.headByteLimit else { throw .headTooLarge }
            return bytes.count
        }
        guard let parsed = self.head.withUnsafeBytes({ HTTPHead(UnsafeRawBufferPointer(rebasing: $0[..<end])) })
        else { throw .malformed }
        self.head.removeAll()
        self.searched = 0
        try self.begin(parsed)
        return end - before
    }

    private mutating func begin(_ head: HTTPHead) throws(Fault) {
        let (status, isOldVersion) = try Self.statusLine(head.startLine)
        if (100..<200).contains(status) {
            // Switching protocols was not asked for.
            self.interimCount += 1
            guard status != 101, self.interimCount <= Self.interimLimit else { throw .malformed }
            return
        }
        self.status = status
        let connection = head.elements(of: "connection")
        self.keepsAlive = isOldVersion ? connection.contains("keep-alive") : !connection.contains("close")
        if status == 204 || status == 304 {
            self.state = .done
        } else if head.has("transfer-encoding") {
            guard head.elements(of: "transfer-encoding").last == "chunked" else { throw .malformed }
            // Two lengths at once: whoever sent that may see another end than we do.
            if head.has("content-length") { self.keepsAlive = false }
            self.state = .chunkSize(value: 0, digitCount: 0)
        } else if let length = try Self.contentLength(head) {
            guard length <= Self.bodyByteLimit else { throw .bodyTooLarge }
            self.state = length == 0 ? .done : .length(remaining: length)
        } else {
            self.keepsAlive = false
            self.state = .untilClose
        }
    }

    private static func statusLine(_ line: String) throws(Fault) -> (status: Int, isOldVersion: Bool) {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0" else { throw .malformed }
        guard words[1].utf8.count == 3, words[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let status = Int(words[1]), status >= 100
        else { throw .malformed }
        return (status, words[0] == "HTTP/1.0")
    }

    private static func contentLength(_ head: HTTPHead) throws(Fault) -> Int? {
        let values = head.elements(of: "content-length")
        guard let first = values.first else { return nil }
        guard values.allSatisfy({ $0 == first }), first.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .malformed
        }
        guard let length = Int(first) else { throw .bodyTooLarge }
        return length
    }

    // MARK: Chunks

    private mutating func takeFraming(_ byte: UInt8) throws(Fault) {
        switch self.state {
        case .chunkSize(let value, let digitCount):
            try self.takeSizeByte(byte, value: value, digitCount: digitCount)
        case .chunkExtension(let size):
            try self.countTrailer()
            if byte == UInt8(ascii: "\n") { self.beginChunk(size) }
        case .chunkEnd:
            if byte == UInt8(ascii: "\r") { return }
            guard byte == UInt8(ascii: "\n") else { throw .malformed }
            self.state = .chunkSize(value: 0, digitCount: 0)
        case .trailer(let isLineEmpty):
            try self.countTrailer()
            if byte == UInt8(ascii: "\n") {
                self.state = isLineEmpty ? .done : .trailer(isLineEmpty: true)
            } else if byte != UInt8(ascii: "\r") {
                self.state = .trailer(isLineEmpty: false)
            }
        case .head, .length, .chunkData, .untilClose, .done:
            preconditionFailure("only framing bytes are taken one by one")
        }
    }

    private mutating func takeSizeByte(_ byte: UInt8, value: Int, digitCount: Int) throws(Fault) {
        let digit: UInt8
        switch byte {
        case 0x30...0x39: digit = byte - 0x30
        case 0x41...0x46: digit = byte - 0x41 + 10
        case 0x61...0x66: digit = byte - 0x61 + 10
        case UInt8(ascii: "\n") where digitCount > 0:
            self.beginChunk(value)
            return
        case UInt8(ascii: "\r") where digitCount > 0, UInt8(ascii: ";") where digitCount > 0,
            0x20 where digitCount > 0:
            self.state = .chunkExtension(size: value)
            return
        default: throw .malformed
        }
        guard digitCount < Self.chunkDigitLimit else { throw .bodyTooLarge }
        self.state = .chunkSize(value: value << 4 | Int(digit), digitCount: digitCount + 1)
    }

    private mutating func beginChunk(_ size: Int) {
        self.state = size == 0 ? .trailer(isLineEmpty: true) : .chunkData(remaining: size)
    }

    private mutating func countTrailer() throws(Fault) {
        self.trailerByteCount += 1
        guard self.trailerByteCount <= Self.headByteLimit else { throw .headTooLarge }
    }
}
