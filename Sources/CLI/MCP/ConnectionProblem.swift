internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Words for a request without an answer. Of a connection that could not be made the library tells system call and
/// addresses; a person wants the reason, and what to do.
enum ConnectionProblem {
    private static let errorNumbers: Set<Int32> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT]

    static func text(_ error: any Error, url: String) -> String {
        guard let reason = self.reason(error) else { return "\(error)" }
        let hint = "is a gateway running there? asya up starts one, --url names another"
        return "cannot connect to \(url): \(reason) (\(hint))"
    }

    /// Why there is no connection; nil for errors of another kind.
    private static func reason(_ error: any Error) -> String? {
        switch error {
        case let error as IOError where self.errorNumbers.contains(error.errnoCode):
            return String(cString: strerror(error.errnoCode))
        // A name was looked up, and each of its addresses tried.
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first?.error { return self.reason(failure) ?? "\(failure)" }
            return (error.dnsAError ?? error.dnsAAAAError).map { "\($0)" } ?? "the name has no address"
        default: return nil
        }
    }
}
