import Glibc

/// One pair that exists: its life, its processes and its directory.
final class PairRun {
    let id: PairID
    /// Which state of the code it was started with.
    let generation: Int
    let directory: String
    var life: PairLifecycle
    var sidecar: ChildProcess?
    var runtime: ChildProcess?
    /// GPUs it was given.
    var devices: [Int] = []
    var metricsPort: Int?
    /// When its runtime was started last.
    var runtimeStart: Duration = .zero

    init(id: PairID, generation: Int, directory: String, limits: PairLifecycle.Limits) {
        self.id = id
        self.generation = generation
        self.directory = directory
        self.life = PairLifecycle(limits: limits)
    }

    var processes: [ChildProcess] { [self.sidecar, self.runtime].compactMap { $0 } }

    subscript(role: PairRole) -> ChildProcess? {
        get {
            switch role {
            case .sidecar: self.sidecar
            case .runtime: self.runtime
            }
        }
        set {
            switch role {
            case .sidecar: self.sidecar = newValue
            case .runtime: self.runtime = newValue
            }
        }
    }

    /// Whether the runtime has announced itself (`runtime.md` section 6).
    var runtimeHasAnnounced: Bool { access("\(self.directory)/runtime-ready", F_OK) == 0 }

    /// What an earlier runtime left behind must not be taken for the next one's.
    func removeAnnouncement() {
        unlink("\(self.directory)/runtime-ready")
        unlink("\(self.directory)/asya-runtime.sock")
    }

    /// Makes the directory; `errno` when that fails.
    func makeDirectory() -> Int32? {
        if mkdir(self.directory, 0o700) == 0 || errno == EEXIST { return nil }
        return errno
    }

    func removeDirectory() {
        self.removeAnnouncement()
        rmdir(self.directory)
    }

    var member: ReplicaPlan.Member {
        ReplicaPlan.Member(
            index: self.id.index,
            generation: self.generation,
            isReady: self.life.isReady,
            isLeaving: self.life.isLeaving
        )
    }
}
