import Support

/// The usual `process_*` numbers.
enum ProcessMetrics {
    /// Processor seconds, resident bytes and the time of the start.
    static func gauges(startedEpochSeconds: Double) -> [OperatorMetrics.Gauge] {
        let usage = ProcessUsage.current()
        return [
            .init(name: "process_cpu_seconds_total", type: "counter", series: ["": usage.cpuSeconds]),
            .init(name: "process_resident_memory_bytes", series: ["": Double(usage.residentByteCount)]),
            .init(name: "process_start_time_seconds", series: ["": startedEpochSeconds]),
        ]
    }
}
