import Logging
import NIOSSL
import Synchronization

/// The webhook's certificate and key: `tls.crt` and `tls.key` in a folder, as a mounted Secret of type
/// `kubernetes.io/tls` has them, whoever made it (by hand or cert-manager). Renewed files count from the next connection
/// on; files that cannot be used leave the old certificate in place.
final class ServingCertificate: Sendable {
    static let certificateName = "tls.crt"
    static let keyName = "tls.key"
    /// Chains of a few certificates.
    static let byteLimit = 1 << 20

    private struct Loaded {
        var context: NIOSSLContext
        var stamp: [FileStamp?]
    }

    private let directory: String
    private let logger: Logger
    private let loaded: Mutex<Loaded>

    init(directory: String, logger: Logger) throws {
        self.directory = directory
        self.logger = logger
        let stamp = Self.stamp(directory)
        self.loaded = Mutex(Loaded(context: try Self.load(directory), stamp: stamp))
    }

    /// For a new connection.
    var context: NIOSSLContext {
        self.loaded.withLock { loaded in
            let stamp = Self.stamp(self.directory)
            guard stamp != loaded.stamp else { return loaded.context }
            // Once for each change, also when it cannot be used.
            loaded.stamp = stamp
            do {
                loaded.context = try Self.load(self.directory)
                self.logger.info("the webhook's certificate was renewed", metadata: ["directory": "\(self.directory)"])
            } catch {
                self.logger.error("keeping the webhook's old certificate", metadata: ["error": "\(error)"])
            }
            return loaded.context
        }
    }

    private static func stamp(_ directory: String) -> [FileStamp?] {
        [self.certificateName, self.keyName].map { FileStamp("\(directory)/\($0)") }
    }

    private static func load(_ directory: String) throws(ClusterConfigurationError) -> NIOSSLContext {
        let certificate = try BoundedFile.read("\(directory)/\(self.certificateName)", byteLimit: self.byteLimit)
        let key = try BoundedFile.read("\(directory)/\(self.keyName)", byteLimit: self.byteLimit)
        do {
            let configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMBytes(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            )
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ClusterConfigurationError("certificate and key of the webhook in \(directory): \(error)")
        }
    }
}
