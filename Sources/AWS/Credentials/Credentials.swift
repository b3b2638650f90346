/// What a request is signed with. The secrets never appear in its description, nor in what a debugger mirrors.
public struct Credentials: Sendable, Equatable {
    /// Public part, shown in requests.
    public let accessKeyID: String
    /// The secret key.
    public let secretAccessKey: String
    /// Goes with temporary credentials, in a header of its own.
    public let sessionToken: String?
    /// When temporary credentials end, in seconds since 1970; `nil` when they do not.
    public let expiration: Int64?

    /// Longest part that is accepted; session tokens of roles with many tags stay below.
    public static let partByteLimit = 16 * 1024

    /// Credentials, refused when a part is empty or holds characters that cannot stand in a header.
    public init(
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil,
        expiration: Int64? = nil
    ) throws(CredentialError) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
        for (name, text) in [
            ("access key id", accessKeyID), ("secret access key", secretAccessKey), ("session token", sessionToken),
        ] {
            guard let text else { continue }
            if text.isEmpty { throw .malformedCredentials("the \(name) is empty") }
            if text.utf8.count > Self.partByteLimit { throw .malformedCredentials("the \(name) is too long") }
            // A line break would end the header and begin one of the attacker's choice.
            guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw .malformedCredentials("the \(name) contains a character that is not printable ASCII")
            }
        }
    }

    /// Whether a request signed now is refused for its age.
    public func isExpired(atEpochSeconds now: Int64) -> Bool {
        guard let expiration = self.expiration else { return false }
        return expiration <= now
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The first characters of the access key id, which tell its kind (`AKIA…`, `ASIA…`), and nothing secret.
    public var description: String { "credentials \(self.accessKeyID.prefix(4))… (secrets redacted)" }
    /// As `description`.
    public var debugDescription: String { self.description }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}
