/// One fetch of credentials, as a state machine: it says which file to read and which request to send, and gets what came
/// of it. It opens no file and no socket, and has no clock.
///
/// ```
/// begin ─► readFile ─► send ─► [send …] ─► finished | failed
/// ```
public struct CredentialFetch: Sendable {
    /// What to do next.
    public enum Action: Sendable, Equatable {
        /// Read this small file and call `fileRead` or `failed`.
        case readFile(path: String)
        /// Send this and call `replied` or `failed`.
        case send(CredentialRequest)
        /// Done.
        case finished(Credentials)
        /// Done, in vain.
        case failed(CredentialError)
    }

    private enum State: Equatable, Sendable {
        case idle
        case readingWebIdentityToken
        case readingContainerToken
        case askingWithWebIdentity
        case askingContainer
        case askingInstanceForToken
        case askingInstanceForRole(token: String)
        case askingInstanceForCredentials
        /// The role with this index, with credentials of what stands before it.
        case assuming(role: Int)
        case ended
    }

    private let source: CredentialSource
    private var state: State = .idle

    /// A fetch from this source; good for one use.
    public init(source: CredentialSource) {
        self.source = source
    }

    /// Begins.
    public mutating func begin(nowEpochSeconds now: Int64) -> Action {
        precondition(self.state == .idle, "a fetch begins once")
        switch self.source.leaf {
        case .fixed(let credentials, _):
            return self.obtained(credentials, nextRole: 0, now: now)
        case .webIdentity(let identity):
            self.state = .readingWebIdentityToken
            return .readFile(path: identity.tokenFile)
        case .container(let endpoint):
            switch endpoint.authorization {
            case .file(let path):
                self.state = .readingContainerToken
                return .readFile(path: path)
            case .token(let token): return self.askContainer(endpoint, token: Array(token.utf8))
            case .none: return self.askContainer(endpoint, token: nil)
            }
        case .instanceMetadata(let instance):
            self.state = .askingInstanceForToken
            return .send(MetadataEndpoints.instanceToken(instance))
        }
    }

    /// The file that was asked for holds this.
    public mutating func fileRead(_ contents: [UInt8]) -> Action {
        switch (self.state, self.source.leaf) {
        case (.readingWebIdentityToken, .webIdentity(let identity)):
            return self.act { () throws(CredentialError) in
                let token = try Self.token(contents, path: identity.tokenFile)
                return (
                    .askingWithWebIdentity,
                    .send(SecurityTokenService.assumeWithWebIdentity(identity, token: token))
                )
            }
        case (.readingContainerToken, .container(let endpoint)):
            return self.askContainer(endpoint, token: contents)
        default:
            preconditionFailure("a file was read that nobody asked for")
        }
    }

    /// What was asked for last, file or reply, will not come.
    public mutating func failed(_ reason: String) -> Action {
        let error: CredentialError
        switch self.state {
        case .readingWebIdentityToken, .readingContainerToken:
            error = .unreadableFile(path: self.tokenPath, reason: reason)
        case .askingWithWebIdentity: error = .noReply(what: "STS AssumeRoleWithWebIdentity", reason: reason)
        case .askingContainer: error = .noReply(what: MetadataEndpoints.containerName, reason: reason)
        case .askingInstanceForToken, .askingInstanceForRole, .askingInstanceForCredentials:
            error = .noReply(
                what: MetadataEndpoints.instanceName,
                reason: "\(reason) (asked because nothing else is configured; AWS_EC2_METADATA_DISABLED=true stops it)"
            )
        case .assuming: error = .noReply(what: "STS AssumeRole", reason: reason)
        case .idle, .ended: preconditionFailure("something failed that nobody asked for")
        }
        return self.end(.failed(error))
    }

    /// The request that was sent last has a reply.
    public mutating func replied(_ reply: CredentialReply, nowEpochSeconds now: Int64) -> Action {
        do {
            switch self.state {
            case .askingWithWebIdentity:
                let what = "STS AssumeRoleWithWebIdentity"
                return self.obtained(try SecurityTokenService.credentials(reply, to: what), nextRole: 0, now: now)
            case .askingContainer, .askingInstanceForCredentials:
                let what =
                    self.state == .askingContainer
                    ? MetadataEndpoints.containerName : MetadataEndpoints.instanceName
                let credentials = try MetadataEndpoints.credentials(reply, from: what, nowEpochSeconds: now)
                return self.obtained(credentials, nextRole: 0, now: now)
            case .askingInstanceForToken: return try self.instanceTokenReplied(reply)
            case .askingInstanceForRole(let token): return try self.instanceRoleReplied(reply, token: token)
            case .assuming(let role):
                let credentials = try SecurityTokenService.credentials(reply, to: "STS AssumeRole")
                return self.obtained(credentials, nextRole: role + 1, now: now)
            case .idle, .readingWebIdentityToken, .readingContainerToken, .ended:
                preconditionFailure("a reply to nothing")
            }
        } catch {
            return self.end(.failed(error))
        }
    }

    // MARK: Steps

    private mutating func instanceTokenReplied(_ reply: CredentialReply) throws(CredentialError) -> Action {
        guard case .instanceMetadata(let instance) = self.source.leaf else {
            preconditionFailure("the state belongs to another source")
        }
        let what = MetadataEndpoints.instanceName
        guard reply.status == 200 else { throw MetadataEndpoints.refusal(what, reply.status, nil) }
        let token = try MetadataEndpoints.line(reply.body, of: what)
        self.state = .askingInstanceForRole(token: token)
        return .send(MetadataEndpoints.instanceRole(instance, token: token))
    }

    private mutating func instanceRoleReplied(
        _ reply: CredentialReply,
        token: String
    ) throws(CredentialError) -> Action {
        guard case .instanceMetadata(let instance) = self.source.leaf else {
            preconditionFailure("the state belongs to another source")
        }
        let what = MetadataEndpoints.instanceName
        if reply.status == 404 {
            throw .refused(what: what, status: 404, code: "NoRole", message: "the instance has no role attached")
        }
        guard reply.status == 200 else { throw MetadataEndpoints.refusal(what, reply.status, nil) }
        let role = try MetadataEndpoints.line(reply.body, of: what)
        self.state = .askingInstanceForCredentials
        return .send(MetadataEndpoints.instanceCredentials(instance, token: token, role: role))
    }

    private mutating func askContainer(_ endpoint: CredentialSource.ContainerEndpoint, token: [UInt8]?) -> Action {
        self.act { () throws(CredentialError) in
            var text: String?
            if let token {
                let place =
                    switch endpoint.authorization {
                    case .file(let path): path
                    case .token, .none: "AWS_CONTAINER_AUTHORIZATION_TOKEN"
                    }
                text = try Self.token(token, path: place)
            }
            return (.askingContainer, .send(MetadataEndpoints.container(endpoint, token: text)))
        }
    }

    /// Credentials are there: assume the next role with them, or be done.
    private mutating func obtained(_ credentials: Credentials, nextRole index: Int, now: Int64) -> Action {
        guard index < self.source.roles.count else { return self.end(.finished(credentials)) }
        self.state = .assuming(role: index)
        return .send(
            SecurityTokenService.assume(self.source.roles[index], with: credentials, atEpochSeconds: now)
        )
    }

    private var tokenPath: String {
        switch self.source.leaf {
        case .webIdentity(let identity): return identity.tokenFile
        case .container(let endpoint):
            if case .file(let path) = endpoint.authorization { return path }
            return ""
        case .fixed, .instanceMetadata: return ""
        }
    }

    private mutating func act(_ step: () throws(CredentialError) -> (State, Action)) -> Action {
        do {
            let (state, action) = try step()
            self.state = state
            return action
        } catch {
            return self.end(.failed(error))
        }
    }

    private mutating func end(_ action: Action) -> Action {
        self.state = .ended
        return action
    }

    /// A token on its way into a header or form: one line.
    private static func token(_ contents: [UInt8], path: String) throws(CredentialError) -> String {
        do {
            return try MetadataEndpoints.line(contents, of: path)
        } catch {
            throw .unreadableFile(path: path, reason: "it does not hold a token, one line of printable text")
        }
    }
}
