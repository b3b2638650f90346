import Glibc
import LocalQueue

/// Where `asya send` takes payloads from.
enum PayloadSource: Equatable {
    /// Largest message of the store.
    static let byteLimit = LocalQueue.largestBodyByteCount

    /// JSON on the command line.
    case text(String)
    /// `@path`.
    case file(String)
    /// `-`.
    case standardInput

    init(_ argument: String) {
        if argument == "-" {
            self = .standardInput
        } else if argument.hasPrefix("@") {
            self = .file(String(argument.dropFirst()))
        } else {
            self = .text(argument)
        }
    }

    /// What to call it in errors.
    var name: String {
        switch self {
        case .text: "the payload"
        case .file(let path): path
        case .standardInput: "standard input"
        }
    }

    /// One payload: everything there is.
    func whole() throws -> [UInt8] {
        if case .text(let text) = self { return Array(text.utf8) }
        return try self.reading { try $0.all(byteLimit: Self.byteLimit) }
    }

    /// One payload per line.
    func lines() throws -> PayloadLines {
        switch self {
        case .text(let text): PayloadLines(text: Array(text.utf8), name: self.name)
        case .standardInput: PayloadLines(descriptor: STDIN_FILENO, isOwned: false, name: self.name)
        case .file(let path): PayloadLines(descriptor: try Self.open(path), isOwned: true, name: self.name)
        }
    }

    private func reading<Value>(_ body: (FileBlocks) throws -> Value) throws -> Value {
        guard case .file(let path) = self else {
            return try body(FileBlocks(descriptor: STDIN_FILENO, name: self.name))
        }
        let descriptor = try Self.open(path)
        defer { close(descriptor) }
        return try body(FileBlocks(descriptor: descriptor, name: path))
    }

    private static func open(_ path: String) throws -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure("cannot read \(path): \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}
