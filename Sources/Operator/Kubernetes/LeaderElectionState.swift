import Support

/// Who leads, decided from a Lease and our own clock (operator.md 1): like client-go, times in the Lease are never
/// compared with the clock of this machine; what counts is how long ago *we* saw the record change.
/// A pure state machine; the shell is `LeaderElection`.
struct LeaderElectionState {
    static let leaseDuration = Duration.seconds(15)
    static let renewDeadline = Duration.seconds(10)
    static let retryInterval = Duration.seconds(2)

    /// The part of a Lease's spec that matters.
    struct Record: Equatable {
        var holder: String
        var durationSeconds: Int
        var transitions: Int
        /// Texts as written; they only have to differ from one renewal to the next.
        var acquireTime: String
        var renewTime: String
    }

    enum Action: Equatable {
        /// Read the Lease and report `observed`, `missing` or `failed`.
        case read
        /// Make the Lease, then report.
        case create(Record)
        /// Write the Lease, based on what was read, then report.
        case update(Record)
        case wait(Duration)
        /// Leadership is lost: the process must end.
        case lost
    }

    let identity: String
    private(set) var isLeader = false
    private var observed: Record?
    private var observedTime = Duration.zero
    /// When the last renewal that succeeded was started.
    private var renewedTime = Duration.zero
    private var attemptTime = Duration.zero

    init(identity: String) {
        self.identity = identity
    }

    /// A round begins.
    mutating func begin(now: Duration) -> Action {
        self.attemptTime = now
        return .read
    }

    /// There is no Lease.
    mutating func missing(now: Duration, timestamp: String) -> Action {
        .create(self.record(timestamp, acquired: timestamp, transitions: 0))
    }

    /// The Lease was read.
    mutating func observed(_ record: Record, now: Duration, timestamp: String) -> Action {
        if record != self.observed {
            self.observed = record
            self.observedTime = now
        }
        if record.holder == self.identity {
            // Also after a restart with the same identity: nobody else could have written it.
            let acquired = self.isLeader ? record.acquireTime : timestamp
            return .update(self.record(timestamp, acquired: acquired, transitions: record.transitions))
        }
        if self.isLeader { return .lost }
        let duration = Duration.seconds(min(max(record.durationSeconds, 1), 3600))
        let isFree = record.holder.isEmpty || now - self.observedTime > duration
        guard isFree else { return .wait(Self.retryInterval) }
        return .update(self.record(timestamp, acquired: timestamp, transitions: record.transitions + 1))
    }

    /// Our record is in the Lease.
    mutating func written(_ record: Record, now: Duration) -> Action {
        self.isLeader = true
        self.observed = record
        self.observedTime = now
        self.renewedTime = self.attemptTime
        return .wait(Self.retryInterval)
    }

    /// Reading or writing failed, or somebody else wrote first.
    mutating func failed(now: Duration) -> Action {
        if self.isLeader, now - self.renewedTime >= Self.renewDeadline { return .lost }
        return .wait(Self.retryInterval)
    }

    /// What to write on a clean stop, so that the successor need not wait; `nil` when we do not lead.
    func released(timestamp: String) -> Record? {
        guard self.isLeader, let observed = self.observed else { return nil }
        return Record(
            holder: "",
            durationSeconds: 1,
            transitions: observed.transitions,
            acquireTime: observed.acquireTime,
            renewTime: timestamp
        )
    }

    private func record(_ timestamp: String, acquired: String, transitions: Int) -> Record {
        Record(
            holder: self.identity,
            durationSeconds: Int(Self.leaseDuration.components.seconds),
            transitions: transitions,
            acquireTime: acquired,
            renewTime: timestamp
        )
    }
}
