internal import Dispatch
internal import Glibc

/// `kubectl port-forward` as a process in a session of its own, so that it outlives us and our terminal.
enum ForwardProcess {
    /// `POSIX_SPAWN_SETSID`, which glibc's header defines in a form that Swift does not see.
    private static let setSession: Int16 = 0x80

    static func start(_ words: [String]) throws -> Int32 {
        var attributes = posix_spawnattr_t()
        var actions = posix_spawn_file_actions_t()
        posix_spawnattr_init(&attributes)
        posix_spawn_file_actions_init(&actions)
        defer {
            posix_spawnattr_destroy(&attributes)
            posix_spawn_file_actions_destroy(&actions)
        }
        posix_spawnattr_setflags(&attributes, Self.setSession)
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var processID: pid_t = 0
        let code = posix_spawnp(&processID, words[0], &actions, &attributes, &arguments, environ)
        guard code == 0 else {
            throw CommandFailure("cannot run \(words[0]): \(String(cString: strerror(code)))")
        }
        return processID
    }

    /// Whether it runs: our own child that ended is collected here.
    static func isAlive(_ processID: Int32) -> Bool {
        var status: Int32 = 0
        if waitpid(processID, &status, WNOHANG) == processID { return false }
        return kill(processID, 0) == 0
    }

    /// SIGTERM, and SIGKILL after five seconds.
    static func end(_ processID: Int32) {
        kill(processID, SIGTERM)
        for _ in 0..<50 {
            guard self.isAlive(processID) else { return }
            usleep(100_000)
        }
        kill(processID, SIGKILL)
    }

    /// Field 22 of `/proc/PID/stat`; the second field, the name, may contain anything.
    static func startTime(_ processID: Int32) -> String? {
        guard let text = try? TextFile.read("/proc/\(processID)/stat"), let end = text.lastIndex(of: ")") else {
            return nil  // There is no such process.
        }
        let fields = text[text.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? String(fields[19]) : nil
    }

    /// Returns when the process has ended, or at SIGINT or SIGTERM.
    ///
    /// - Parameter watched: called once signals are noticed: whoever reads what it prints may send one at once.
    static func waitForEndOrSignal(_ processID: Int32, watched: () -> Void) async {
        let (signals, signal) = AsyncStream<Void>.makeStream()
        let sources = [SIGINT, SIGTERM].map { number in
            Glibc.signal(number, SIG_IGN)  // The source sees it all the same.
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler { signal.yield() }
            source.activate()
            return source
        }
        defer { for source in sources { source.cancel() } }
        watched()
        let watch = Task {
            while self.isAlive(processID), (try? await Task.sleep(for: .milliseconds(500))) != nil {}
            signal.yield()
        }
        for await _ in signals { break }
        watch.cancel()
    }
}

/// Ports of loopback.
enum LocalPort {
    static func firstFree(in range: ClosedRange<Int>) -> Int? { range.first(where: self.isFree) }

    static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
