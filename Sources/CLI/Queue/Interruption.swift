import Glibc
import Synchronization

/// Notices Ctrl-C, for commands that have something to say before they end.
enum Interruption {
    private static let flag = Atomic<Bool>(false)

    /// From now on the first Ctrl-C is noted; a second one ends the process.
    static func watch() {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in Interruption.flag.store(true, ordering: .relaxed) }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
        sigaction(SIGINT, &action, nil)
    }

    static var hasCome: Bool { self.flag.load(ordering: .relaxed) }
}
