import Glibc

/// Finds out how many GPUs there are to hand out.
enum GPUDetection {
    /// Lines of `nvidia-smi -L`, one per GPU; nil when there is no such program or it has nothing to say.
    static func count(searchPath: String, environment: [String: String]) -> Int? {
        let candidates: [String] = searchPath.split(separator: ":").map { "\($0)/nvidia-smi" }
        guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else { return nil }
        let command = ProcessCommand(arguments: [program, "-L"], environment: environment, directory: "/")
        let lines = ShortCommand.run(command)?.lines ?? []
        let count = lines.count { $0.hasPrefix("GPU ") }
        return count > 0 ? count : nil
    }
}
