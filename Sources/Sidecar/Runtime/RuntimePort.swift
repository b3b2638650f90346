/// The seam between the pipeline and the runtime's socket. Replies arrive in the order of the requests.
protocol RuntimePort: AnyObject {
    /// Not owned; outlives the port. (Weak would move its reference count to a slow side table.)
    var events: (any RuntimeEvents)? { get set }

    /// Waits for the runtime (`sidecar.md` section 3, step 7); `runtimeAvailable` or `runtimeGone` follows.
    func start()

    /// How many requests may be outstanding, 0 while there is no connection: 1, or more when the runtime announced
    /// that requests may wait in its socket.
    var depth: Int { get }

    /// Whether the runtime is there; false while it is waited for. (`depth` may be 0 for a moment between two
    /// connections.)
    var isAvailable: Bool { get }

    /// Hands over one request; only while fewer than `depth` are outstanding.
    func send(_ body: ByteSlice)

    /// Writes what was handed over during this loop turn.
    func flush()

    /// Ends all connections; nothing is reported any more.
    func close()
}

/// What the runtime's side tells the pipeline.
protocol RuntimeEvents: AnyObject {
    /// `depth` became positive, or larger.
    func runtimeAvailable()
    /// The whole reply to the oldest outstanding request.
    func runtimeReplied(_ reply: ByteSlice)
    /// The connection is gone with requests outstanding.
    ///
    /// - Parameters:
    ///   - oldestFailure: set when the oldest request can have been started: it has failed for this reason. The others
    ///     (all of them when nil) have not been seen by the handler.
    func runtimeLost(oldestFailure: RuntimeFailure?)
    /// The runtime did not come (back) within `ASYA_RUNTIME_READY_TIMEOUT`.
    func runtimeGone()
}

/// Why a call failed, with the texts of `envelope.md` section 8.
enum RuntimeFailure: Error, Equatable, CustomStringConvertible {
    case writeFailed(reason: String)
    case readFailed(reason: String)

    var description: String {
        switch self {
        case .writeFailed(let reason): "failed to send message to runtime: \(reason)"
        case .readFailed(let reason): "failed to read response from runtime: \(reason)"
        }
    }
}
