/// Why there are no credentials. Names the variable, file or endpoint at fault, never a secret.
public enum CredentialError: Error, Sendable, Equatable {
    /// A part cannot be used; the text says which.
    case malformedCredentials(String)
    /// A variable has a value that cannot be used; the text says what to do.
    case invalidVariable(name: String, reason: String)
    /// Nothing is configured and instance metadata is switched off.
    case noSource
    /// `AWS_PROFILE` or a `source_profile` names a profile that no file has.
    case profileNotFound(String)
    /// A profile asks for something that this project does not do, or contradicts itself.
    case unusableProfile(name: String, reason: String)
    /// A file cannot be read.
    case unreadableFile(path: String, reason: String)
    /// No reply from an endpoint; `what` names the call.
    case noReply(what: String, reason: String)
    /// An endpoint refused; `what` names the call.
    case refused(what: String, status: Int, code: String, message: String)
    /// A reply that does not hold credentials.
    case malformedReply(what: String, reason: String)

    /// Whether the same fetch may succeed later without anybody changing the configuration.
    public var isTransient: Bool {
        switch self {
        case .noReply, .malformedReply, .unreadableFile: true
        case .refused(_, let status, let code, _):
            status >= 500 || status == 429 || Self.transientCodes.contains(code)
        case .malformedCredentials, .invalidVariable, .noSource, .profileNotFound, .unusableProfile: false
        }
    }

    /// Refusals with a 4xx status that pass: throttling, an identity provider that STS could not reach, and a token
    /// that the kubelet is about to replace.
    private static let transientCodes: Set<String> = [
        "Throttling", "ThrottlingException", "RequestLimitExceeded", "IDPCommunicationError", "ExpiredTokenException",
        "ExpiredToken", "RequestExpired",
    ]
}

extension CredentialError: CustomStringConvertible {
    /// One sentence for a log line.
    public var description: String {
        switch self {
        case .malformedCredentials(let what): "unusable AWS credentials: \(what)"
        case .invalidVariable(let name, let reason): "\(name) \(reason)"
        case .noSource:
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
                + "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or AWS_CONTAINER_CREDENTIALS_FULL_URI "
                + "(instance metadata is switched off by AWS_EC2_METADATA_DISABLED)"
        case .profileNotFound(let name): "the AWS profile \(name) is in neither the credentials nor the config file"
        case .unusableProfile(let name, let reason): "the AWS profile \(name) \(reason)"
        case .unreadableFile(let path, let reason): "cannot read \(path): \(reason)"
        case .noReply(let what, let reason): "\(what) failed: \(reason)"
        case .refused(let what, let status, let code, let message):
            "\(what) was refused: \(code) (status \(status))" + (message.isEmpty ? "" : ": \(message)")
        case .malformedReply(let what, let reason): "\(what) gave an unusable reply: \(reason)"
        }
    }
}
