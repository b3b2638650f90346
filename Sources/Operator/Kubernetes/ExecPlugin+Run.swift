import FoundationEssentials
import Glibc
import Support

/// Runs the credential plugin of a kubeconfig: no terminal, a limit of time and output, nothing of it in the log.
extension ExecPlugin {
    func run(timeLimit: Duration) async throws -> Answer {
        let output = try await withCheckedThrowingContinuation { continuation in
            // Waiting for a program blocks, so it happens on a thread of its own, once an hour or so: those of Swift's pool
            // are as few as the cores.
            let thread = DedicatedThread(name: "exec-plugin") {
                continuation.resume(with: Result { try self.output(timeLimit: timeLimit) })
            }
            if thread == nil { continuation.resume(throwing: self.failure("start a thread for", EAGAIN)) }
        }
        return try Self.answer(output, now: Date())
    }

    private func output(timeLimit: Duration) throws(ClusterConfigurationError) -> [UInt8] {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw self.failure("make a pipe for", errno) }
        defer { close(ends[0]) }
        // Otherwise another child could keep the pipe open and hide its end.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let process: pid_t
        do {
            defer { close(ends[1]) }
            process = try self.spawn(output: ends[1])
        }
        let output = self.read(ends[0], until: ContinuousClock.now + timeLimit)
        // One that still runs has printed too much or taken too long.
        if output == nil { kill(process, SIGKILL) }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        guard let output else {
            throw ClusterConfigurationError("the exec plugin \(self.command) printed too much or took too long")
        }
        return output
    }

    private func spawn(output: Int32) throws(ClusterConfigurationError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var environment = ProcessInfo.processInfo.environment
        environment.merge(self.environment) { _, own in own }
        environment["KUBERNETES_EXEC_INFO"] =
            #"{"apiVersion":"\#(self.apiVersion)","kind":"ExecCredential","spec":{"interactive":false}}"#
        let arguments = ([self.command] + self.arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, self.command, &actions, nil, arguments, variables)
        guard code == 0 else { throw self.failure("run", code) }
        return process
    }

    /// Everything up to the end; `nil` when the limit of time or bytes was reached first.
    private func read(_ descriptor: Int32, until limit: ContinuousClock.Instant) -> [UInt8]? {
        var output: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while output.count <= Self.answerByteLimit {
            let rest = (limit - ContinuousClock.now) / .milliseconds(1)
            guard rest > 0 else { return nil }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, Int32(min(rest, 60_000))) > 0 else { continue }
            let count = Glibc.read(descriptor, &block, block.count)
            if count == 0 { return output }
            if count > 0 { output.append(contentsOf: block[..<count]) }
        }
        return nil
    }

    private func failure(_ action: String, _ code: Int32) -> ClusterConfigurationError {
        ClusterConfigurationError(
            "cannot \(action) the exec plugin \(self.command): \(String(cString: strerror(code)))"
        )
    }
}
