import Glibc

/// The usual `process_*` numbers, read from the kernel.
enum ProcessMetrics {
    /// Processor seconds, resident bytes and the time of the start.
    static func gauges(startedEpochSeconds: Double) -> [OperatorMetrics.Gauge] {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        let seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        return [
            .init(name: "process_cpu_seconds_total", type: "counter", series: ["": seconds]),
            .init(name: "process_resident_memory_bytes", series: ["": Double(self.residentByteCount())]),
            .init(name: "process_start_time_seconds", series: ["": startedEpochSeconds]),
        ]
    }

    /// The second number of `statm`, in pages.
    static func residentByteCount() -> Int {
        guard let text = try? BoundedFile.text("/proc/self/statm") else { return 0 }  // A missing number shows as 0.
        let fields = text.split(separator: " ")
        return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * sysconf(Int32(_SC_PAGESIZE))
    }
}
