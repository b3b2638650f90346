internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Words for a request without an answer. Of a connection that could not be made the library tells address by address;
/// a person wants the reason, and what to do.
enum ConnectionProblem {
    static func text(_ error: any Error, url: String) -> String {
        guard let error = error as? NIOConnectionError else { return "\(error)" }
        let hint = "is a gateway running there? asya up starts one, --url names another"
        return "cannot connect to \(url): \(self.reason(error)) (\(hint))"
    }

    private static func reason(_ error: NIOConnectionError) -> String {
        if let failure = error.connectionErrors.first?.error {
            return (failure as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(failure)"
        }
        return (error.dnsAError ?? error.dnsAAAAError).map { "\($0)" } ?? "the name has no address"
    }
}
