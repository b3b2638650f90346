import Glibc
import Testing

@testable import Sidecar

/// Runs an event loop inside a test until something has happened: no sleeping, and a limit for what never does.
final class LoopDriver {
    /// Far more than anything here takes, also on a busy machine.
    static let limit = Duration.seconds(60)
    /// The other ends of connections are looked at this often.
    private static let interval = Duration.milliseconds(1)

    let loop: EventLoop
    /// Lets a peer do its part; called about every millisecond while the loop runs.
    var peerWork: () -> Void = {}

    init() throws {
        // As the sidecar does: writing to a closed peer is an error value.
        signal(SIGPIPE, SIG_IGN)
        self.loop = try EventLoop()
    }

    /// Runs the loop until `condition` holds. Records an issue when that does not happen within the limit.
    func run(
        _ expectation: Comment,
        limit: Duration = LoopDriver.limit,
        sourceLocation: SourceLocation = #_sourceLocation,
        until condition: @escaping () -> Bool
    ) throws {
        let begin = self.loop.now
        var hasMet = false
        var timer: LoopTimer?
        let look: () -> Void = { [unowned self] in
            self.peerWork()
            hasMet = hasMet || condition()
            if hasMet || self.loop.now - begin > limit {
                self.loop.stop()
            } else {
                timer?.start(after: Self.interval)
            }
        }
        timer = try LoopTimer(loop: self.loop, fired: look)
        timer?.start(after: .zero)
        self.loop.run()
        timer = nil
        #expect(hasMet, expectation, sourceLocation: sourceLocation)
    }

    /// Lets the loop turn a while: for what must *not* happen. Being kept from the processor is no turning.
    func turn(for duration: Duration = .milliseconds(30)) throws {
        let begin = self.loop.now
        var turnCount = 0
        try self.run("time passes") { [unowned self] in
            turnCount += 1
            return turnCount > 10 && self.loop.now - begin >= duration
        }
    }
}
