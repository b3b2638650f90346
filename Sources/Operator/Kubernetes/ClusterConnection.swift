/// Where the API server is and how to log in: the result of reading a kubeconfig or the pod's service account.
public struct ClusterConnection: Sendable {
    /// How requests prove who sends them.
    public enum Credential: Sendable, Equatable {
        /// Nothing, or the client certificate alone.
        case none
        /// A fixed bearer token.
        case token(String)
        /// A bearer token in a file that somebody keeps fresh.
        case tokenFile(String)
        /// Name and password.
        case basic(user: String, password: String)
        /// A program that prints a token.
        case exec(ExecPlugin)
    }

    /// Scheme, host and port, maybe a path; without a slash at the end.
    public var server: String
    /// Authorities to trust, PEM; `nil` means the system's.
    public var authorityPEM: [UInt8]?
    /// The certificate that proves who we are, PEM.
    public var clientCertificatePEM: [UInt8]?
    /// Its key, PEM.
    public var clientKeyPEM: [UInt8]?
    /// Do not check the server's certificate.
    public var skipsVerification = false
    /// How to log in.
    public var credential: Credential = .none
    /// The namespace of the context or of the pod.
    public var namespace = "default"

    /// A connection without credentials.
    public init(server: String) {
        self.server = server
    }
}

/// A credential plugin of a kubeconfig.
public struct ExecPlugin: Sendable, Equatable {
    /// The program.
    public var command: String
    /// Its arguments.
    public var arguments: [String]
    /// Variables added to our own.
    public var environment: [String: String]
    /// The version of the exchanged object.
    public var apiVersion: String
}

/// Why there is no connection.
public struct ClusterConfigurationError: Error, Equatable, CustomStringConvertible {
    /// What is wrong and where.
    public var description: String

    init(_ description: String) {
        self.description = description
    }
}
