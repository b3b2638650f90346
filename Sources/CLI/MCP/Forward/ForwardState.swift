internal import Glibc
internal import Support

/// Which forward we left running: its process is remembered with the time it started, so that only ever this one is
/// ended
/// and never one that got its number later.
struct ForwardState {
    struct Running: Equatable {
        var processID: Int32
        /// In ticks since the machine started.
        var startTime: String
        var localPort: Int
    }

    private let directory: String
    private let path: String

    init(target: ForwardTarget, environment: EnvironmentReader) {
        let runtime = environment.text("XDG_RUNTIME_DIR")
        self.directory = runtime.map { "\($0)/asya" } ?? "/tmp/asya-\(getuid())"
        self.path = "\(self.directory)/\(target.fileName)"
    }

    /// The forward of an earlier run, when it still runs.
    var running: Running? {
        guard self.isOurs, let text = try? TextFile.read(self.path) else {
            return nil  // Nothing was left running.
        }
        let parts = text.split(whereSeparator: \.isWhitespace)
        guard parts.count == 3, let id = Int32(parts[0]), id > 1, let port = Int(parts[2]) else { return nil }
        let running = Running(processID: id, startTime: String(parts[1]), localPort: port)
        return ForwardProcess.startTime(id) == running.startTime ? running : nil
    }

    /// A state that cannot be written only means that the forward is not found again.
    func save(_ running: Running) {
        mkdir(self.directory, 0o700)
        guard self.isOurs, let file = fopen(self.path, "w") else { return }
        fputs("\(running.processID) \(running.startTime) \(running.localPort)\n", file)
        fclose(file)
    }

    func remove() { unlink(self.path) }

    /// In a shared directory somebody else could have made ours.
    private var isOurs: Bool {
        var status = stat()
        return lstat(self.directory, &status) == 0 && status.st_uid == getuid() && status.st_mode & S_IFMT == S_IFDIR
    }
}

extension ForwardState.Running {
    init(_ processID: Int32, localPort: Int) {
        self.init(processID: processID, startTime: ForwardProcess.startTime(processID) ?? "", localPort: localPort)
    }
}
