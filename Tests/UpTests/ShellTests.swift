import Glibc
import LocalQueue
import Testing

@testable import Up

/// Waits for a condition with a generous limit; nothing here depends on how fast the machine is.
private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        usleep(2000)
    }
    return false
}

@Suite struct ShellTests {
    static func shell(_ script: String, environment: [String: String] = [:]) throws -> ChildProcess {
        let command = ProcessCommand(
            arguments: ["/bin/sh", "-c", script],
            environment: environment,
            directory: "/tmp"
        )
        return try ChildProcess.start(command)
    }

    /// All output and the end of a process.
    static func finish(_ process: ChildProcess) -> (lines: [String], end: ProcessEnd?) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        var lines: [String] = []
        var end: ProcessEnd?
        _ = eventually {
            lines += process.readLines(now: .zero, into: &buffer).map { String(decoding: $0, as: UTF8.self) }
            end = end ?? process.reap()
            return end != nil && process.output < 0
        }
        return (lines, end)
    }

    @Test("a process gets its arguments, environment and folder; both outputs come as lines; its status is known")
    func process() throws {
        let process = try Self.shell("echo $NAME; pwd; echo error >&2; exit 3", environment: ["NAME": "value"])
        let (lines, end) = Self.finish(process)
        #expect(lines == ["value", "/tmp", "error"])
        #expect(end == .exited(3))
    }

    @Test("what cannot be started says why")
    func missing() {
        for (program, folder, expected) in [
            ("/nowhere/program", "/tmp", ENOENT), ("/bin/sh", "/nowhere", ENOENT), ("/tmp", "/tmp", EACCES),
        ] {
            let command = ProcessCommand(arguments: [program], environment: [:], directory: folder)
            do throws(ChildProcess.StartError) {
                _ = try ChildProcess.start(command)
                Issue.record("\(program) was started")
            } catch {
                #expect(error.number == expected)
            }
        }
    }

    @Test("a process ends on a signal, and what it has started ends with it")
    func groups() throws {
        let process = try Self.shell("sleep 1000 & echo $!; exec sleep 1000")
        var buffer = [UInt8](repeating: 0, count: 100)
        var line: [UInt8]?
        #expect(
            eventually {
                line = process.readLines(now: .zero, into: &buffer).first ?? line
                return line != nil
            }
        )
        let child = try #require(pid_t(String(decoding: line ?? [], as: UTF8.self)))
        process.terminate()
        var end: ProcessEnd?
        #expect(
            eventually {
                end = process.reap()
                return end != nil
            }
        )
        #expect(end == .signalled(SIGTERM))
        // It may stay a zombie until its new parent looks; it does nothing any more.
        #expect(eventually { kill(child, 0) != 0 || Self.isZombie(child) })
    }

    static func isZombie(_ process: pid_t) -> Bool {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return true }
        defer { fclose(file) }
        var buffer = [CChar](repeating: 0, count: 512)
        guard fgets(&buffer, Int32(buffer.count), file) != nil else { return true }
        let text = String(decoding: buffer.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.contains(") Z ")
    }

    @Test("a program that is asked one thing: its lines and its end; one that does not exist is no answer")
    func shortCommand() {
        func run(_ arguments: [String]) -> (lines: [String], end: ProcessEnd)? {
            ShortCommand.run(ProcessCommand(arguments: arguments, environment: [:], directory: "/"))
        }
        let answer = run(["/bin/sh", "-c", "echo one; echo two >&2; printf three; exit 7"])
        #expect(answer?.lines == ["one", "two", "three"])
        #expect(answer?.end == .exited(7))
        #expect(run(["/nowhere/program"]) == nil)
    }

    @Test("a port is free until somebody listens on it")
    func ports() throws {
        let port = try #require(LoopbackPort.free())
        #expect(LoopbackPort.isFree(port))
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        #expect(LoopbackPort.withAddress(port: port) { bind(descriptor, $0, $1) } == 0)
        #expect(listen(descriptor, 1) == 0)
        #expect(!LoopbackPort.isFree(port))
    }

    @Test("a second lock on a folder is refused with the first one's process, until that is gone")
    func lock() throws {
        let folder = TemporaryFolder()
        var first: InstanceLock? = try InstanceLock(directory: folder.path)
        #expect {
            _ = try InstanceLock(directory: folder.path)
        } throws: { error in
            "\(error)".contains("\(getpid())") && "\(error)".contains("--path")
        }
        withExtendedLifetime(first) {}
        first = nil
        #expect(throws: Never.self) { _ = try InstanceLock(directory: folder.path) }
        #expect(throws: UpError.self) { _ = try InstanceLock(directory: "/nowhere") }
    }

    @Test("changes of Python files are seen, those of others, caches and virtual environments are not")
    func snapshots() {
        let folder = TemporaryFolder()
        for name in ["sub", "__pycache__", ".hidden", "env"] { mkdir("\(folder.path)/\(name)", 0o755) }
        folder.write("", to: "env/pyvenv.cfg")
        folder.write("a = 1", to: "one.py")
        var before = SourceSnapshot(folder: folder.path)
        #expect(before.fileCount == 1)
        for name in ["data.json", "__pycache__/x.py", ".hidden/x.py", "env/x.py"] { folder.write("x", to: name) }
        #expect(SourceSnapshot(folder: folder.path) == before)
        for (text, name) in [("a = 22", "one.py"), ("", "sub/two.py")] {
            folder.write(text, to: name)
            let after = SourceSnapshot(folder: folder.path)
            #expect(after != before)
            before = after
        }
        unlink("\(folder.path)/sub/two.py")
        #expect(SourceSnapshot(folder: folder.path) != before)
        #expect(SourceSnapshot(folder: "/nowhere").fileCount == 0)
    }

    @Test("embedded queues: made with a dead-letter queue, counted, and heard of at the first message")
    func embedded() throws {
        let folder = TemporaryFolder()
        let path = "\(folder.path)/queue.db"
        let monitor = try EmbeddedMonitor(path: path)
        try monitor.create(["asya-a", "asya-b"])
        try monitor.create(["asya-a"])
        monitor.watch(["asya-a", "asya-b"])
        #expect(monitor.isImmediate && monitor.descriptors.count == 2)
        let sender = try LocalQueue(path: path)
        let body = Array("{}".utf8)
        try sender.send([Publication(queueName: "asya-b", envelopeID: "x", body: body)])
        var requests = monitor.descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        #expect(poll(&requests, 2, 10_000) == 1)
        let ready = Set(requests.filter { $0.revents != 0 }.map(\.fd))
        #expect(monitor.arrivals(on: ready) == ["asya-b"])
        #expect(poll(&requests, 2, 0) == 0, "quiet until the next one")
        let claim = QueueTransaction.Claim(queueName: "asya-b", messageCount: 1, visibility: .seconds(60))
        let claimed = try sender.claim(claim)
        #expect(claimed.count == 1)
        try sender.send([Publication(queueName: "asya-b", envelopeID: "y", body: body)])
        let readings = try monitor.readings(of: ["asya-b", "asya-a", "asya-b-dlq", "asya-none"])
        #expect(readings[0] == QueueReading(queued: 1, inFlight: 1, acknowledged: 0))
        for reading in readings.dropFirst() {
            #expect(reading == QueueReading(queued: 0, inFlight: 0, acknowledged: 0))
        }
        monitor.maintain()
        #expect(throws: UpError.self) { try monitor.create(["asya/b"]) }
        #expect(throws: UpError.self) { _ = try EmbeddedMonitor(path: "/nowhere/queue.db") }
    }
}
