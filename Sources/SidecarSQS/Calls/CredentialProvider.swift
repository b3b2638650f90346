import AWS

/// Where requests get their credentials from. Fetching happens beside the message path: a request waits only when there
/// are none at all.
protocol CredentialProvider: AnyObject {
    /// What to sign with now; nil while there is nothing usable.
    var current: Credentials? { get }

    /// Calls `done` once credentials are there, or the attempt to get some has failed; never inside this call.
    func whenAvailable(_ done: @escaping (Result<Credentials, CredentialError>) -> Void)

    /// The service refused these credentials as expired or unknown: fetch others.
    func refused(_ credentials: Credentials)

    func close()
}
