import Glibc

/// Wakes consumers in other processes within microseconds: one FIFO per queue in the directory `<file>.wake`.
///
/// A byte in the FIFO means "look again". It is a hint and carries nothing: a byte that gets lost (a consumer that
/// died after reading it) costs at most the second until the consumers' own timer, a byte too many costs one look.
/// With several consumers the rules are: listen only while there is room for messages, drain before looking, and
/// ring once more after taking a full batch, since more may be there for the others.
public final class QueueBell {
    /// Wake-ups that lie ready at most per ring: more consumers of one queue than this do not get one each at once.
    private static let bytesPerRing = 64
    /// A full FIFO is empty after 16 reads.
    private static let bytesPerDrain = 4096
    /// Open FIFOs kept; queue names come from outside.
    private static let descriptorLimit = 128

    private let directory: String
    private var descriptors: [String: Int32] = [:]
    /// Those somebody polls; never closed to make room.
    private var listened: Set<String> = []

    /// - Parameter path: the queue file.
    public init(path: String) {
        self.directory = path + ".wake"
    }

    deinit {
        for descriptor in self.descriptors.values { close(descriptor) }
    }

    /// Tells up to `count` waiting consumers that messages are there. Silent when nobody ever listened.
    public func ring(_ queueName: String, count: Int = 1) {
        guard let descriptor = self.descriptor(of: queueName, creating: false) else { return }
        let bytes = [UInt8](repeating: 1, count: min(max(1, count), Self.bytesPerRing))
        // A full FIFO holds more wake-ups than anybody needs.
        _ = write(descriptor, bytes, bytes.count)
    }

    /// A descriptor to poll for readability; it stays this object's. Nil when the file system has no FIFOs or no room:
    /// the consumer then lives by its timer.
    public func listen(_ queueName: String) -> Int32? {
        guard let descriptor = self.descriptor(of: queueName, creating: true) else { return nil }
        self.listened.insert(queueName)
        return descriptor
    }

    /// Takes the wake-ups that lie ready, so that the descriptor is quiet until the next one.
    public func drain(_ queueName: String) {
        guard let descriptor = self.descriptors[queueName] else { return }
        var bytes = [UInt8](repeating: 0, count: Self.bytesPerDrain)
        while read(descriptor, &bytes, bytes.count) == bytes.count {}
    }

    /// The queue is gone.
    func remove(_ queueName: String) {
        if let descriptor = self.descriptors.removeValue(forKey: queueName) { close(descriptor) }
        unlink(self.fifo(of: queueName))
    }

    private func fifo(of queueName: String) -> String { "\(self.directory)/\(queueName)" }

    /// Opened for reading and writing by both sides: no SIGPIPE, and a byte waits while nobody listens.
    private func descriptor(of queueName: String, creating: Bool) -> Int32? {
        if let known = self.descriptors[queueName] { return known }
        guard LocalQueue.isQueueName(queueName) else { return nil }
        let path = self.fifo(of: queueName)
        if creating {
            mkdir(self.directory, 0o700)
            mkfifo(path, 0o600)
        }
        let descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            close(descriptor)
            return nil
        }
        if self.descriptors.count >= Self.descriptorLimit,
            let (name, old) = self.descriptors.first(where: { !self.listened.contains($0.key) })
        {
            self.descriptors[name] = nil
            close(old)
        }
        self.descriptors[queueName] = descriptor
        return descriptor
    }
}
