import CProcess
import Glibc

/// One running process, with the pipe of what it writes. Lives on the main thread: the kernel kills the
/// process when the thread that started it ends, so that nothing survives a killed `asya up`.
final class ChildProcess {
    let processID: pid_t
    /// Reading end of its output; -1 after `closeOutput`.
    private(set) var output: Int32
    private(set) var splitter = LineSplitter()
    /// When output last arrived, for lines that do not go on.
    private(set) var lastOutput: Duration = .zero

    private init(processID: pid_t, output: Int32) {
        self.processID = processID
        self.output = output
    }

    deinit {
        self.closeOutput()
    }

    /// Starts a process in a process group of its own.
    static func start(_ command: ProcessCommand) throws(StartError) -> ChildProcess {
        var output: Int32 = -1
        let processID = Self.spawn(command, output: &output)
        guard processID > 0 else { throw StartError(number: -processID) }
        return ChildProcess(processID: processID, output: output)
    }

    /// Why a process could not be started.
    struct StartError: Error {
        /// `errno`.
        var number: Int32
    }

    /// Sends a signal to the process alone: it decides what happens to its own children.
    func terminate() {
        kill(self.processID, SIGTERM)
    }

    /// Kills the process and everything it has started.
    func killGroup() {
        kill(-self.processID, SIGKILL)
    }

    /// How it ended; nil while it runs. Afterwards the object is of no use but for its last output.
    func reap() -> ProcessEnd? {
        var information = siginfo_t()
        // The zombie is kept until its group is gone: the number cannot belong to a stranger before.
        let isOver = waitid(P_PID, id_t(self.processID), &information, WEXITED | WNOHANG | WNOWAIT) == 0
        guard isOver, information.si_signo == SIGCHLD else { return nil }
        self.killGroup()
        var status: Int32 = 0
        guard waitpid(self.processID, &status, 0) == self.processID else { return nil }
        return ProcessEnd(waitStatus: status)
    }

    /// The complete lines that have arrived, at most one buffer at a time so that no process can take all the time.
    func readLines(now: Duration, into buffer: inout [UInt8]) -> [[UInt8]] {
        guard self.output >= 0 else { return [] }
        let count = read(self.output, &buffer, buffer.count)
        if count > 0 {
            self.lastOutput = now
            return self.splitter.append(buffer[..<count])
        }
        if count == 0 || (errno != EAGAIN && errno != EINTR) { self.closeOutput() }
        return []
    }

    /// The line that has begun, when it is not going on.
    func flushLine() -> [UInt8]? {
        self.splitter.flush()
    }

    func closeOutput() {
        if self.output >= 0 { close(self.output) }
        self.output = -1
    }

    private static func spawn(_ command: ProcessCommand, output: inout Int32) -> pid_t {
        let environment = command.environment.map { "\($0.key)=\($0.value)" }.sorted()
        return self.withCStrings(command.arguments) { arguments in
            self.withCStrings(environment) { environment in
                command.directory.withCString { directory in
                    guard let path = arguments[0] else { return -ENOENT }
                    var request = cprocess_command()
                    request.path = UnsafePointer(path)
                    request.arguments = arguments
                    request.environment = environment
                    request.directory = directory
                    return cprocess_start(&request, &output)
                }
            }
        }
    }

    /// Calls `body` with a null-terminated array of C strings.
    private static func withCStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { buffer in
            // Never empty: the null pointer at the end is there.
            guard let base = buffer.baseAddress else { preconditionFailure("the array ends with a null pointer") }
            return body(base)
        }
    }
}
