import FoundationEssentials
import Support
import Synchronization

/// Gives each request its `Authorization` header: fixed, from a file that is read again every minute because somebody
/// rotates it, or from a plugin whose answer is kept until it expires.
final class CredentialSource: Sendable {
    /// Tokens of a pod are renewed long before they expire; other clients read the file at this pace as well.
    static let rereadInterval = Duration.seconds(60)
    /// A plugin may talk to a cloud.
    static let pluginTimeLimit = Duration.seconds(60)

    private struct Cached {
        var header: String
        var expiry: ContinuousClock.Instant?
    }

    private let credential: ClusterConnection.Credential
    private let cached = Mutex<Cached?>(nil)

    init(_ credential: ClusterConnection.Credential) {
        self.credential = credential
    }

    /// The value of the header now; `nil` when the connection itself is the proof, or there is none.
    func header() async throws -> String? {
        switch self.credential {
        case .none: return nil
        case .token(let token): return "Bearer \(token)"
        case .basic(let user, let password):
            return "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())"
        case .tokenFile(let path):
            if let header = self.fresh() { return header }
            let header = "Bearer \(try BoundedFile.text(path))"
            self.keep(header, until: .now + Self.rereadInterval)
            return header
        case .exec(let plugin):
            if let header = self.fresh() { return header }
            let answer = try await plugin.run(timeLimit: Self.pluginTimeLimit)
            let header = "Bearer \(answer.token)"
            self.keep(header, until: answer.lifetime.map { .now + $0 })
            return header
        }
    }

    /// After a 401: what is kept is stale.
    func forget() {
        self.cached.withLock { $0 = nil }
    }

    private func fresh() -> String? {
        self.cached.withLock { cached in
            guard let kept = cached, kept.expiry.map({ $0 > .now }) ?? true else { return nil }
            return kept.header
        }
    }

    private func keep(_ header: String, until expiry: ContinuousClock.Instant?) {
        self.cached.withLock { $0 = Cached(header: header, expiry: expiry) }
    }
}

extension ExecPlugin {
    /// What a plugin prints is a token of a few kilobytes.
    static let answerByteLimit = 1 << 20

    /// A token and how long it is good for.
    struct Answer: Equatable {
        var token: String
        var lifetime: Duration?
    }

    /// Reads the `ExecCredential` object that a plugin printed.
    static func answer(_ output: [UInt8], now: Date) throws(ClusterConfigurationError) -> Answer {
        let text = String(decoding: output, as: UTF8.self)
        guard let value = try? JSONValue(parsing: text, byteLimit: Self.answerByteLimit),  // Reported below.
            let token = value["status"]?["token"]?.string, !token.isEmpty
        else {
            throw ClusterConfigurationError("the exec plugin of the kubeconfig printed no token")
        }
        var answer = Answer(token: token)
        if let expiry = value["status"]?["expirationTimestamp"]?.string {
            guard let date = try? Date(expiry, strategy: .iso8601) else {  // Reported as it is.
                throw ClusterConfigurationError("the exec plugin of the kubeconfig gave an unreadable expiry")
            }
            // Renewed a little early, so that no request leaves with a token that dies on the way.
            answer.lifetime = .seconds(max(0, date.timeIntervalSince(now) - 10))
        }
        return answer
    }
}
