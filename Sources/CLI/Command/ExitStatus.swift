/// The exit statuses of `asya` (cli.md sections 1 and 3).
enum ExitStatus: Int32 {
    /// Done.
    case done = 0
    /// An operation failed, or a manifest is not valid.
    case failure = 1
    /// Unknown option or command, missing argument.
    case misuse = 2
    /// The envelope that was waited for ended in error-end or in a dead-letter queue.
    case envelopeFailed = 3
    /// The tool refused the call: its answer says `isError`.
    case toolError = 4
    /// The gateway is too old for this function.
    case unsupported = 5
    /// The envelope that was waited for did not end in time.
    case notFinished = 6
    /// Ctrl-C.
    case interrupted = 130
    /// Nobody reads the output any more; what the shell shows for SIGPIPE.
    case brokenPipe = 141
}
