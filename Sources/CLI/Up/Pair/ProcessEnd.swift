import Glibc

/// How a process ended, and what that means for the person who reads it.
enum ProcessEnd: Equatable, Sendable {
    /// It ended by itself with this status.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Int32)
    /// It could not be started; `errno`.
    case notStarted(Int32)

    /// From the status word of `waitpid` (`man 2 wait`): the low seven bits are the signal, the next byte the status.
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7F
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xFF) : .signalled(signal)
    }

    /// For instance `exit status 1`, `killed by signal 9 (SIGKILL)`.
    var text: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let signal): "killed by signal \(signal)\(Self.name(of: signal))"
        case .notStarted(let number): "could not be started: \(String(cString: strerror(number)))"
        }
    }

    private static func name(of signal: Int32) -> String {
        switch signal {
        case SIGKILL: " (SIGKILL; was there too little memory?)"
        case SIGSEGV: " (SIGSEGV)"
        case SIGABRT: " (SIGABRT)"
        case SIGTERM: " (SIGTERM)"
        case SIGINT: " (SIGINT)"
        case SIGBUS: " (SIGBUS)"
        default: ""
        }
    }
}
