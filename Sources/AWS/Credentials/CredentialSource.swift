/// Where credentials come from: a leaf, and roles that are assumed with what it gives, one after the other.
public struct CredentialSource: Sendable, Equatable {
    /// What needs no other credentials.
    public enum Leaf: Sendable, Equatable {
        /// Keys that are written down; `origin` names the variable or file.
        case fixed(Credentials, origin: String)
        /// A token in a file, exchanged at STS (IRSA).
        case webIdentity(WebIdentity)
        /// The endpoint beside the container (ECS, EKS Pod Identity).
        case container(ContainerEndpoint)
        /// The endpoint of the virtual machine, version 2.
        case instanceMetadata(InstanceMetadata)
    }

    /// AssumeRoleWithWebIdentity.
    public struct WebIdentity: Sendable, Equatable {
        /// Read again at every refresh, because the kubelet replaces it.
        public let tokenFile: String
        /// The role to take.
        public let roleARN: String
        /// Shown in the service's logs.
        public let sessionName: String
        /// Where to ask.
        public let endpoint: ServiceEndpoint
    }

    /// AssumeRole.
    public struct AssumedRole: Sendable, Equatable {
        /// The role to take.
        public let roleARN: String
        /// Shown in the service's logs.
        public let sessionName: String
        /// Agreed with the role's owner.
        public let externalID: String?
        /// How long, in seconds; the role's own default when nil.
        public let durationSeconds: Int?
        /// Where to ask.
        public let endpoint: ServiceEndpoint
        /// Which region the request is signed for.
        public let region: String
    }

    /// `AWS_CONTAINER_CREDENTIALS_…`.
    public struct ContainerEndpoint: Sendable, Equatable {
        /// Where the value of the `Authorization` header comes from.
        public enum Authorization: Sendable, Equatable {
            /// There is none.
            case none
            /// From a variable.
            case token(String)
            /// From a file, read again at every refresh.
            case file(String)
        }

        /// A URL that passed the rule about hosts.
        public let url: String
        /// The header's value.
        public let authorization: Authorization
    }

    /// EC2's metadata service.
    public struct InstanceMetadata: Sendable, Equatable {
        /// Without a path.
        public let origin: String
    }

    /// Where it begins.
    public let leaf: Leaf
    /// Roles in the order of assuming.
    public let roles: [AssumedRole]

    init(_ leaf: Leaf, roles: [AssumedRole] = []) {
        self.leaf = leaf
        self.roles = roles
    }

    /// Keys that are known already, for instance from a Secret; `origin` says from where.
    public static func keys(_ credentials: Credentials, origin: String) -> CredentialSource {
        CredentialSource(.fixed(credentials, origin: origin))
    }

    /// Whether asking again could give other credentials.
    public var isRefreshable: Bool {
        if case .fixed = self.leaf { return !self.roles.isEmpty }
        return true
    }

    /// What a log line calls it.
    public var name: String {
        let leafName =
            switch self.leaf {
            case .fixed(_, let origin): origin
            case .webIdentity: "web identity"
            case .container: "container endpoint"
            case .instanceMetadata: "instance metadata"
            }
        return self.roles.isEmpty ? leafName : "\(leafName), then assumed role"
    }
}

extension CredentialSource: CustomStringConvertible, CustomReflectable {
    /// The name; nothing of tokens and keys.
    public var description: String { self.name }
    /// As `description`.
    public var customMirror: Mirror { Mirror(reflecting: self.description) }
}
