import Glibc

/// What this process uses, read from the kernel, for the usual `process_*` metrics.
public struct ProcessUsage: Sendable, Equatable {
    /// Processor time.
    public var cpuSeconds: Double
    /// Memory that is in use; 0 when the kernel does not say.
    public var residentByteCount: Int
    /// When it started; seconds since 1970.
    public var startedEpochSeconds: Double

    /// Known numbers.
    public init(cpuSeconds: Double, residentByteCount: Int, startedEpochSeconds: Double) {
        self.cpuSeconds = cpuSeconds
        self.residentByteCount = residentByteCount
        self.startedEpochSeconds = startedEpochSeconds
    }

    /// Now.
    public static func current() -> ProcessUsage {
        ProcessUsage(
            cpuSeconds: self.seconds(CLOCK_PROCESS_CPUTIME_ID),
            residentByteCount: self.residentByteCount(),
            startedEpochSeconds: self.startedEpochSeconds
        )
    }

    private static let startedEpochSeconds = Self.seconds(CLOCK_REALTIME) - Self.ageSeconds()

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The time since the start: since boot, less the 22nd number of `stat`, which is in ticks since boot.
    private static func ageSeconds() -> Double {
        // The second field is the name in parentheses, which may contain anything.
        guard let text = self.text("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return 0 }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let ticks = Double(fields[19]) else { return 0 }
        return max(0, self.seconds(CLOCK_BOOTTIME) - ticks / Double(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// The second number of `statm`, in pages.
    private static func residentByteCount() -> Int {
        let fields = (self.text("/proc/self/statm") ?? "").split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func text(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // More than either file ever has.
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
