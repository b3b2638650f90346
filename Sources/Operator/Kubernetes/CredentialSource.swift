import FoundationEssentials
import NIOSSL
import Support
import Synchronization

/// Gives each request its proof of who sends it: fixed, from a file that is read again every minute because somebody
/// rotates it, or from a plugin whose answer is kept until it expires.
final class CredentialSource: Sendable {
    /// Tokens of a pod are renewed long before they expire; other clients read the file at this pace as well.
    static let rereadInterval = Duration.seconds(60)
    /// A plugin may talk to a cloud.
    static let pluginTimeLimit = Duration.seconds(60)

    /// What goes with a request. Both are `nil` when the connection itself is the proof, or there is none.
    struct Proof: Sendable {
        /// The value of `Authorization`.
        var header: String?
        /// The certificate of a plugin, in place of the connection's own.
        var certificate: ClientCertificate?
    }

    private struct Cached {
        var proof: Proof
        var expiry: ContinuousClock.Instant?
    }

    private let credential: ClusterConnection.Credential
    private let cached = Mutex<Cached?>(nil)

    init(_ credential: ClusterConnection.Credential) {
        self.credential = credential
    }

    /// The proof now.
    func proof() async throws -> Proof {
        switch self.credential {
        case .none: return Proof()
        case .token(let token): return Proof(header: "Bearer \(token)")
        case .basic(let user, let password):
            return Proof(header: "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())")
        case .tokenFile(let path):
            if let proof = self.fresh() { return proof }
            let proof = Proof(header: "Bearer \(try BoundedFile.text(path))")
            self.keep(proof, until: .now + Self.rereadInterval)
            return proof
        case .exec(let plugin):
            if let proof = self.fresh() { return proof }
            let answer = try await plugin.run(timeLimit: Self.pluginTimeLimit)
            let proof = try Proof(answer)
            self.keep(proof, until: answer.lifetime.map { .now + $0 })
            return proof
        }
    }

    /// After a 401: what is kept is stale.
    func forget() {
        self.cached.withLock { $0 = nil }
    }

    private func fresh() -> Proof? {
        self.cached.withLock { cached in
            guard let kept = cached, kept.expiry.map({ $0 > .now }) ?? true else { return nil }
            return kept.proof
        }
    }

    private func keep(_ proof: Proof, until expiry: ContinuousClock.Instant?) {
        self.cached.withLock { $0 = Cached(proof: proof, expiry: expiry) }
    }
}

extension CredentialSource.Proof {
    fileprivate init(_ answer: ExecPlugin.Answer) throws(ClusterConfigurationError) {
        self.header = answer.token.map { "Bearer \($0)" }
        guard let pair = answer.certificate else { return }
        do {
            self.certificate = try ClientCertificate(certificatePEM: pair.certificatePEM, keyPEM: pair.keyPEM)
        } catch {
            throw ClusterConfigurationError(
                "the exec plugin of the kubeconfig printed an unusable certificate: \(error)"
            )
        }
    }
}

/// A certificate with its key, ready for TLS.
struct ClientCertificate: Sendable {
    private let chain: [NIOSSLCertificateSource]
    private let key: NIOSSLPrivateKeySource

    init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws {
        self.chain = try NIOSSLCertificate.fromPEMBytes(certificatePEM).map { .certificate($0) }
        self.key = .privateKey(try NIOSSLPrivateKey(bytes: keyPEM, format: .pem))
    }

    /// Shown from now on.
    func use(in configuration: inout TLSConfiguration) {
        configuration.certificateChain = self.chain
        configuration.privateKey = self.key
    }
}

extension ExecPlugin {
    /// What a plugin prints is a token or a certificate of a few kilobytes.
    static let answerByteLimit = 1 << 20

    /// A token, a certificate with its key, or both, and how long they are good for.
    struct Answer: Equatable {
        var token: String?
        var certificate: Pair?
        var lifetime: Duration?
    }

    /// PEM texts.
    struct Pair: Equatable {
        var certificatePEM: [UInt8]
        var keyPEM: [UInt8]
    }

    /// Reads the `ExecCredential` object that a plugin printed.
    static func answer(_ output: [UInt8], now: Date) throws(ClusterConfigurationError) -> Answer {
        let text = String(decoding: output, as: UTF8.self)
        let value = (try? JSONValue(parsing: text, byteLimit: Self.answerByteLimit)) ?? .null  // Reported below.
        func member(_ name: String) -> String? {
            value["status"]?[name]?.string.flatMap { $0.isEmpty ? nil : $0 }
        }
        var answer = Answer(token: member("token"))
        switch (member("clientCertificateData"), member("clientKeyData")) {
        case (nil, nil): break
        case (let certificate?, let key?):
            answer.certificate = Pair(certificatePEM: Array(certificate.utf8), keyPEM: Array(key.utf8))
        default:
            throw ClusterConfigurationError(
                "the exec plugin of the kubeconfig printed one of clientCertificateData and clientKeyData without the "
                    + "other"
            )
        }
        guard answer.token != nil || answer.certificate != nil else {
            throw ClusterConfigurationError("the exec plugin of the kubeconfig printed no token and no certificate")
        }
        if let expiry = member("expirationTimestamp") {
            guard let date = try? Date(expiry, strategy: .iso8601) else {  // Reported as it is.
                throw ClusterConfigurationError("the exec plugin of the kubeconfig gave an unreadable expiry")
            }
            // Renewed a little early, so that no request leaves with a token that dies on the way.
            answer.lifetime = .seconds(max(0, date.timeIntervalSince(now) - 10))
        }
        return answer
    }
}
