import Sidecar
import Support

/// How many receive calls are under way and how many messages each of them asks for.
///
/// Decides only. One long poll is enough on an idle queue, and every further one costs money: there is one by default,
/// one more whenever a batch comes back full and the window has room, and never more than `maximumPolls`. The messages
/// asked for never exceed what the window allows, so nothing has to be given back because of it.
///
/// A call is only worth making for a batch: while fewer messages than that fit, it waits until others are settled.
struct ReceivePoller {
    /// Most messages of one call, the service's limit.
    static let batchCount = 10
    /// Calls at a time (`hot-path.md` section 6).
    static let maximumPolls = 4
    /// Delays after errors: 1, 2, 4 … 30 s (`sidecar.md` 6.2, 7.2), varied so that pods do not call together.
    private static let errorBackoff = Backoff(base: .seconds(1), factor: 2, cap: .seconds(30), jitter: 0.2)

    /// Calls under way.
    private(set) var pollCount = 0
    /// Messages that they may bring.
    private(set) var requestedCount = 0
    private var allowedPolls = 1
    private var backoff = ReceivePoller.errorBackoff
    private var pausedUntil: MonotonicTime?

    /// Messages that the next call asks for, and counts that call as under way; nil when none is to be made now.
    ///
    /// - Parameters:
    ///   - window: how many unsettled messages may be held.
    ///   - heldCount: how many are held.
    ///   - isOneByOne: whether no call may bring two messages.
    mutating func nextCall(window: Int, heldCount: Int, isOneByOne: Bool = false, now: MonotonicTime) -> Int? {
        if let until = self.pausedUntil {
            guard until <= now else { return nil }
            self.pausedUntil = nil
        }
        guard self.pollCount < self.allowedPolls else { return nil }
        let room = window - heldCount - self.requestedCount
        guard room >= (isOneByOne ? 1 : Self.leastRoom(window: window)) else { return nil }
        let count = isOneByOne ? 1 : min(room, Self.batchCount)
        self.pollCount += 1
        self.requestedCount += count
        return count
    }

    /// A full batch when the window is wide; half of a small window, so that it never runs empty.
    private static func leastRoom(window: Int) -> Int {
        min(self.batchCount, max(1, window / 2))
    }

    /// A call came back.
    mutating func received(_ count: Int, of requested: Int) {
        self.ended(requested)
        self.backoff.reset()
        if count == requested, count == Self.batchCount {
            self.allowedPolls = min(self.allowedPolls + 1, Self.maximumPolls)
        } else if count < requested {
            self.allowedPolls = max(1, count == 0 ? 1 : self.allowedPolls - 1)
        }
    }

    /// A call failed: none is made for a while. Failures of calls that were under way together count once.
    mutating func failed(requested: Int, now: MonotonicTime, using generator: inout some RandomNumberGenerator) {
        self.ended(requested)
        self.allowedPolls = 1
        guard self.pausedUntil == nil else { return }
        self.pausedUntil = now + self.backoff.next(using: &generator)
    }

    private mutating func ended(_ requested: Int) {
        precondition(self.pollCount > 0 && self.requestedCount >= requested, "only a call under way can end")
        self.pollCount -= 1
        self.requestedCount -= requested
    }

    /// When `nextCall` has something to say again because of time alone.
    var nextDue: MonotonicTime? { self.pausedUntil }
}
