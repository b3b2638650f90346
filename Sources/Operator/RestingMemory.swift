import CProcess

/// Gives back what only work needs as soon as there is none: most pages of the program's file, which the system keeps
/// and maps again within microseconds, and freed pages of the heap.
struct RestingMemory: Sendable {
    private static let lookInterval = Duration.seconds(1)

    let workQueue: WorkQueue

    /// Looks from time to time until cancelled.
    func run() async {
        let start = ContinuousClock.now
        var detector = RestDetector()
        while true {
            do { try await Task.sleep(for: Self.lookInterval) } catch { return }
            let queue = self.workQueue.counts
            let now = ContinuousClock.now - start
            guard detector.begins(addCount: queue.adds, workingCount: queue.working, now: now) else { continue }
            cprocess_forget_free_memory()
            cprocess_forget_clean_pages()
        }
    }
}

/// Tells when a rest begins: nothing was added to the work queue between two looks, and nobody works. Pure.
struct RestDetector {
    /// Scrapes, probes and watches use memory too.
    static let repetition = Duration.seconds(60)

    private var addCount = -1
    private var lastBeginning: Duration?

    /// Takes one look; whether a rest begins with it, or has lasted long enough for another beginning.
    mutating func begins(addCount: Int, workingCount: Int, now: Duration) -> Bool {
        guard addCount == self.addCount, workingCount == 0 else {
            self.addCount = addCount
            self.lastBeginning = nil
            return false
        }
        if let last = self.lastBeginning, now - last < Self.repetition { return false }
        self.lastBeginning = now
        return true
    }
}
