import Foundation
import Logging
import Testing

@testable import Operator

/// How the operator finds its API server and proves who it is, with real files.
@Suite("Connection and credentials")
struct CredentialTests {
    private let directory: URL

    init() throws {
        self.directory = FileManager.default.temporaryDirectory.appending(path: "asya-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
    }

    @Test("in a pod the service account's files count, and the token is read again after a refusal")
    func inCluster() async throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }  // Only a temporary folder.
        try self.write("ca.crt", "authority")
        try self.write("token", " first\n")
        try self.write("namespace", "own")
        let connection = try ClusterConnection.find(
            flag: nil,
            environment: ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/nowhere"],
            serviceAccountDirectory: self.directory.path
        )
        #expect(connection.server == "https://[fd00::1]:443")
        #expect(connection.authorityPEM == Array("authority".utf8))
        #expect(connection.namespace == "own")
        let source = CredentialSource(connection.credential)
        #expect(try await source.proof().header == "Bearer first")
        try self.write("token", "second")
        // Kept for a minute, or until the API server refuses it.
        #expect(try await source.proof().header == "Bearer first")
        source.forget()
        #expect(try await source.proof().header == "Bearer second")
    }

    @Test("a pod without its files is told which one is missing", arguments: ["ca.crt", "token"])
    func incompletePod(missing: String) throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }  // Only a temporary folder.
        for name in ["ca.crt", "token"] where name != missing { try self.write(name, "x") }
        let error = #expect(throws: ClusterConfigurationError.self) {
            try ClusterConnection.find(
                flag: nil,
                environment: ["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "443"],
                serviceAccountDirectory: self.directory.path
            )
        }
        #expect(error?.description.contains(missing) == true)
    }

    @Test("KUBECONFIG is a list: the first file that has an entry counts, missing files are left out")
    func kubeconfigList() throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }  // Only a temporary folder.
        try self.write(
            "one",
            """
            contexts: [{name: x, context: {cluster: c, user: u}}]
            clusters: [{name: c, cluster: {server: "https://one"}}]
            """
        )
        try self.write(
            "two",
            """
            current-context: x
            clusters: [{name: c, cluster: {server: "https://two"}}]
            users: [{name: u, user: {tokenFile: tokens/t}}]
            """
        )
        let path = self.directory.path
        func find(_ list: String) throws(ClusterConfigurationError) -> ClusterConnection {
            try ClusterConnection.find(flag: nil, environment: ["KUBECONFIG": list])
        }
        let connection = try find("\(path)/none:\(path)/one:\(path)/two")
        #expect(connection.server == "https://one")
        #expect(connection.credential == .tokenFile("\(path)/tokens/t"))
        let error = #expect(throws: ClusterConfigurationError.self) { try find("\(path)/none:\(path)/nothing") }
        #expect(error?.description.contains("\(path)/none") == true)
    }

    @Test("a plugin may print a certificate with its key, and must print both")
    func pluginCertificate() throws {
        func answer(_ status: String) throws(ClusterConfigurationError) -> ExecPlugin.Answer {
            try ExecPlugin.answer(Array(#"{"kind":"ExecCredential","status":{\#(status)}}"#.utf8), now: .now)
        }
        let pair = try answer(#""clientCertificateData":"C","clientKeyData":"K""#)
        #expect(pair == .init(certificate: .init(certificatePEM: Array("C".utf8), keyPEM: Array("K".utf8))))
        for status in [#""clientCertificateData":"C""#, #""clientKeyData":"K","token":"t""#, #""token":"""#, ""] {
            #expect(throws: ClusterConfigurationError.self) { try answer(status) }
        }
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: self.directory.appending(path: name))
    }
}
