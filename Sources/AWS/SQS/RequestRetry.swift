public import Support

/// Why a request did not give a usable reply.
public enum RequestFailure: Error, Sendable, Equatable {
    /// No connection, or it broke; the text is the client's.
    case connection(String)
    /// No reply in time.
    case timeout
    /// A reply that cannot be read.
    case malformedReply(String)
    /// The service refused.
    case service(SQSError)
}

extension RequestFailure: CustomStringConvertible {
    /// One sentence for a log line.
    public var description: String {
        switch self {
        case .connection(let text): "connection failed: \(text)"
        case .timeout: "no reply in time"
        case .malformedReply(let text): "malformed reply: \(text)"
        case .service(let error): error.description
        }
    }
}

/// Decides what follows a failed request: a pure table over the kind of failure, and growing delays
/// (`sidecar.md` 7.1: at least three attempts, exponential with jitter, at most 20 s).
///
/// One value per request; it knows how often that request was tried.
public struct RequestRetry: Sendable, Equatable {
    /// What to do now.
    public enum Decision: Equatable, Sendable {
        /// Send the same request again after this time.
        case retry(after: Duration)
        /// Fetch new credentials, then send again.
        case refreshCredentialsAndRetry
        /// The clock offset was corrected: sign and send again at once.
        case resignAndRetry
        /// Give up; the cached URL of the queue is stale.
        case forgetQueueURLAndFail
        /// Give up.
        case fail
    }

    /// Attempts in all unless told otherwise: the first and three more.
    public static let defaultAttemptLimit = 4

    private let attemptLimit: Int
    private var backoff: Backoff
    private var hasRefreshed = false
    private var hasResigned = false
    /// Failures so far.
    public private(set) var failureCount = 0

    /// A request that may be sent `attemptLimit` times.
    ///
    /// A delay of 13 s varied by half of it stays below 20 s.
    public init(
        attemptLimit: Int = RequestRetry.defaultAttemptLimit,
        backoff: Backoff = Backoff(base: .milliseconds(100), cap: .seconds(13), jitter: 0.5)
    ) {
        precondition(attemptLimit > 0, "a request is sent at least once")
        self.attemptLimit = attemptLimit
        self.backoff = backoff
    }

    /// The request failed.
    ///
    /// - Parameter clockWasCorrected: what `ClockSkew.learn` said about this reply.
    public mutating func failed(
        _ failure: RequestFailure,
        clockWasCorrected: Bool = false,
        using generator: inout some RandomNumberGenerator
    ) -> Decision {
        self.failureCount += 1
        switch Self.class(of: failure) {
        case .permanent: return .fail
        case .staleQueueURL: return .forgetQueueURLAndFail
        case .clock:
            guard clockWasCorrected, !self.hasResigned else { return .fail }
            self.hasResigned = true
            return .resignAndRetry
        case .credentials:
            guard !self.hasRefreshed else { return .fail }
            self.hasRefreshed = true
            return .refreshCredentialsAndRetry
        case .transient:
            guard self.failureCount < self.attemptLimit else { return .fail }
            return .retry(after: self.backoff.next(using: &generator))
        }
    }

    /// Whether sending the same thing later may succeed although this request has given up; decides between waiting
    /// and the dead-letter path (`sidecar.md` 5.3).
    public static func isTransient(_ failure: RequestFailure) -> Bool {
        switch self.class(of: failure) {
        case .transient, .credentials, .clock: true
        case .permanent, .staleQueueURL: false
        }
    }

    private enum FailureClass {
        case transient, credentials, clock, staleQueueURL, permanent
    }

    private static func `class`(of failure: RequestFailure) -> FailureClass {
        switch failure {
        case .connection, .timeout, .malformedReply: .transient
        case .service(let error):
            switch error.kind {
            case .throttled, .serverFault, .overLimit: .transient
            case .expiredToken, .invalidCredentials: .credentials
            case .clockSkew, .signatureMismatch: .clock
            case .queueDoesNotExist: .staleQueueURL
            case .queueDeletedRecently, .queueNameExists, .accessDenied, .encryptionKeyUnusable, .batchTooLong,
                .messageTooLong, .invalidMessageContents, .receiptHandleInvalid, .messageNotInFlight,
                .purgeInProgress, .rejected:
                .permanent
            }
        }
    }
}
