public import Support

/// Finds out where credentials come from: the first source that is configured (`sidecar.md` 7.1).
///
/// Variables, web identity, the shared profile, the container endpoint, instance metadata. A source that is configured
/// and wrong is an error rather than a reason to try the next one: using other credentials than the operator of a pod
/// meant would hide the mistake.
public struct CredentialChain: Sendable {
    /// Profiles of profiles; the deepest chain anybody uses is two.
    static let profileDepthLimit = 5
    /// Name of a session when nobody gives one; the role's trust policy and the logs may see it.
    static let defaultSessionName = "asya"

    private let environment: EnvironmentReader
    private let files: SharedConfiguration
    private let region: String

    /// A chain over these variables and files.
    ///
    /// - Parameter region: of the program; STS is asked there unless `AWS_REGION` or `AWS_DEFAULT_REGION` say otherwise.
    public init(environment: EnvironmentReader, files: SharedConfiguration, region: String) {
        self.environment = environment
        self.files = files
        self.region = region
    }

    /// The source.
    public func source() throws(CredentialError) -> CredentialSource {
        if let source = try self.fromVariables() { return source }
        if let source = try self.fromWebIdentity() { return source }
        if let source = try self.fromProfile() { return source }
        if let source = try self.fromContainer() { return CredentialSource(source) }
        guard let source = try self.fromInstance() else { throw .noSource }
        return CredentialSource(source)
    }

    // MARK: The sources

    private func fromVariables() throws(CredentialError) -> CredentialSource? {
        let key = self.environment.text("AWS_ACCESS_KEY_ID")
        let secret = self.environment.text("AWS_SECRET_ACCESS_KEY")
        if key == nil, secret == nil { return nil }
        guard let key else { throw Self.missing("AWS_ACCESS_KEY_ID", beside: "AWS_SECRET_ACCESS_KEY") }
        guard let secret else { throw Self.missing("AWS_SECRET_ACCESS_KEY", beside: "AWS_ACCESS_KEY_ID") }
        let credentials = try Credentials(
            accessKeyID: key,
            secretAccessKey: secret,
            sessionToken: self.environment.text("AWS_SESSION_TOKEN")
        )
        return CredentialSource(.fixed(credentials, origin: "environment"))
    }

    private func fromWebIdentity() throws(CredentialError) -> CredentialSource? {
        guard let file = self.environment.text("AWS_WEB_IDENTITY_TOKEN_FILE") else { return nil }
        guard let role = self.environment.text("AWS_ROLE_ARN") else {
            throw Self.missing("AWS_ROLE_ARN", beside: "AWS_WEB_IDENTITY_TOKEN_FILE")
        }
        let identity = CredentialSource.WebIdentity(
            tokenFile: file,
            roleARN: role,
            sessionName: self.environment.text("AWS_ROLE_SESSION_NAME") ?? Self.defaultSessionName,
            endpoint: try self.stsEndpoint()
        )
        return CredentialSource(.webIdentity(identity))
    }

    private func fromProfile() throws(CredentialError) -> CredentialSource? {
        let chosen = self.environment.text("AWS_PROFILE") ?? self.environment.text("AWS_DEFAULT_PROFILE")
        let name = chosen ?? "default"
        guard let settings = self.files.profile(name) else {
            if chosen != nil { throw .profileNotFound(name) }
            return nil
        }
        // A default profile is often there for its region alone.
        if chosen == nil, ProfileSettings(name: name, values: settings).namesNoCredentials { return nil }
        return try self.source(ofProfile: name, visited: [])
    }

    private func source(ofProfile name: String, visited: [String]) throws(CredentialError) -> CredentialSource {
        guard let values = self.files.profile(name) else { throw .profileNotFound(name) }
        guard visited.count < Self.profileDepthLimit else {
            throw .unusableProfile(name: name, reason: "is the end of too long a chain of source_profile")
        }
        let settings = ProfileSettings(name: name, values: values)
        // A profile that names itself as its source means its own keys.
        if visited.last == name { return try settings.keys() }
        if visited.contains(name) {
            throw .unusableProfile(name: name, reason: "is its own source through source_profile")
        }
        switch try settings.kind() {
        case .keys: return try settings.keys()
        case .webIdentity(let tokenFile, let role):
            let identity = CredentialSource.WebIdentity(
                tokenFile: tokenFile,
                roleARN: role,
                sessionName: settings.sessionName ?? Self.defaultSessionName,
                endpoint: try self.stsEndpoint()
            )
            return CredentialSource(.webIdentity(identity))
        case .role(let role, .profile(let base)):
            let source = try self.source(ofProfile: base, visited: visited + [name])
            return try self.assume(role, of: settings, with: source)
        case .role(let role, .named(let source)):
            return try self.assume(role, of: settings, with: try self.source(named: source, profile: name))
        }
    }

    private func source(
        named source: String,
        profile: String
    ) throws(CredentialError) -> CredentialSource {
        switch source {
        case "Environment":
            if let source = try self.fromVariables() { return source }
            throw .unusableProfile(name: profile, reason: "takes its source from the environment, which has no keys")
        case "EcsContainer":
            if let leaf = try self.fromContainer() { return CredentialSource(leaf) }
            throw .unusableProfile(
                name: profile,
                reason: "takes its source from a container endpoint, but AWS_CONTAINER_CREDENTIALS_FULL_URI is not set"
            )
        case "Ec2InstanceMetadata":
            if let leaf = try self.fromInstance() { return CredentialSource(leaf) }
            throw .unusableProfile(
                name: profile,
                reason: "takes its source from instance metadata, which AWS_EC2_METADATA_DISABLED switches off"
            )
        default:
            throw .unusableProfile(
                name: profile,
                reason: "has the credential_source \(source); known are Environment, EcsContainer, Ec2InstanceMetadata"
            )
        }
    }

    private func assume(
        _ role: String,
        of settings: ProfileSettings,
        with source: CredentialSource
    ) throws(CredentialError) -> CredentialSource {
        let assumed = CredentialSource.AssumedRole(
            roleARN: role,
            sessionName: settings.sessionName ?? self.environment.text("AWS_ROLE_SESSION_NAME")
                ?? Self.defaultSessionName,
            externalID: settings.values["external_id"],
            durationSeconds: try settings.durationSeconds(),
            endpoint: try self.stsEndpoint(),
            region: self.stsRegion
        )
        return CredentialSource(source.leaf, roles: source.roles + [assumed])
    }

    private func fromContainer() throws(CredentialError) -> CredentialSource.Leaf? {
        let relative = self.environment.text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        let full = self.environment.text("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        let url: String
        if let relative {
            guard relative.hasPrefix("/"), let endpoint = ServiceEndpoint(parsing: ContainerHosts.ecsOrigin + relative)
            else {
                throw .invalidVariable(
                    name: "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                    reason: "is not a path that begins with a slash"
                )
            }
            url = endpoint.url
        } else if let full {
            url = try ContainerHosts.checked(full)
        } else {
            return nil
        }
        let authorization: CredentialSource.ContainerEndpoint.Authorization
        if let file = self.environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            authorization = .file(file)
        } else if let token = self.environment.text("AWS_CONTAINER_AUTHORIZATION_TOKEN") {
            authorization = .token(token)
        } else {
            authorization = .none
        }
        return .container(CredentialSource.ContainerEndpoint(url: url, authorization: authorization))
    }

    private func fromInstance() throws(CredentialError) -> CredentialSource.Leaf? {
        if lowercasedASCII(self.environment.text("AWS_EC2_METADATA_DISABLED") ?? "") == "true" { return nil }
        let name = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
        if let text = self.environment.text(name) {
            guard let endpoint = ServiceEndpoint(parsing: text) else {
                throw .invalidVariable(name: name, reason: "is not an http or https URL")
            }
            return .instanceMetadata(CredentialSource.InstanceMetadata(origin: endpoint.origin))
        }
        let mode = lowercasedASCII(self.environment.text("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") ?? "ipv4")
        let origin = mode == "ipv6" ? "http://[fd00:ec2::254]" : "http://169.254.169.254"
        return .instanceMetadata(CredentialSource.InstanceMetadata(origin: origin))
    }

    // MARK: STS

    private var stsRegion: String {
        self.environment.text("AWS_REGION") ?? self.environment.text("AWS_DEFAULT_REGION") ?? self.region
    }

    /// The region's own endpoint, which does not depend on another region being up; the global one only when
    /// `AWS_STS_REGIONAL_ENDPOINTS` says `legacy`.
    private func stsEndpoint() throws(CredentialError) -> ServiceEndpoint {
        for name in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
            guard let text = self.environment.text(name) else { continue }
            guard let endpoint = ServiceEndpoint(parsing: text) else {
                throw .invalidVariable(name: name, reason: "is not an http or https URL")
            }
            return endpoint
        }
        if lowercasedASCII(self.environment.text("AWS_STS_REGIONAL_ENDPOINTS") ?? "") == "legacy" { return .globalSTS }
        return .regional(service: "sts", region: self.stsRegion)
    }

    private static func missing(_ name: String, beside other: String) -> CredentialError {
        .invalidVariable(name: name, reason: "is not set although \(other) is: set both or neither")
    }
}

/// The rule which hosts may be given the container's token: nobody but the machine itself and the addresses of ECS and EKS,
/// unless the connection is encrypted.
enum ContainerHosts {
    static let ecsOrigin = "http://169.254.170.2"
    private static let allowed: Set<String> = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost", "::1"]

    static func checked(_ url: String) throws(CredentialError) -> String {
        let name = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
        // A query is legal here and nowhere else.
        guard let endpoint = ServiceEndpoint(parsing: String(url.prefix { $0 != "?" })) else {
            throw .invalidVariable(name: name, reason: "is not an http or https URL")
        }
        guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalidVariable(name: name, reason: "contains characters that a URL does not have")
        }
        if endpoint.isSecure || self.allowed.contains(endpoint.host) || self.isLoopback(endpoint.host) { return url }
        throw .invalidVariable(
            name: name,
            reason: "names the host \(endpoint.host), to which credentials are not requested without https; "
                + "allowed are loopback, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23]"
        )
    }

    /// 127.0.0.0/8 written as four numbers; other spellings of an address are not taken for one.
    private static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
