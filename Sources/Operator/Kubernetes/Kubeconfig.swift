import ActorResource
import FoundationEssentials
import Support

/// Reads a kubeconfig file (operator.md 1): the current context with its cluster and user; certificates inline or in
/// files, tokens, token files, exec plugins.
struct Kubeconfig {
    /// Far above any real file.
    static let byteLimit = YAMLReader.byteLimit

    let directory: String
    private let root: JSONValue

    /// Parses the text of a file in `directory`, to which its relative paths refer.
    init(text: String, directory: String) throws(ClusterConfigurationError) {
        let (documents, fault) = YAMLReader.read(text, file: "kubeconfig")
        if let fault { throw ClusterConfigurationError("\(fault.position): \(fault.message)") }
        guard let root = documents.first?.json, root.members != nil else {
            throw ClusterConfigurationError("kubeconfig: the document is not a mapping")
        }
        self.root = root
        self.directory = directory
    }

    /// The connection of `context`, or of the current one.
    func connection(context name: String? = nil) throws(ClusterConfigurationError) -> ClusterConnection {
        guard let contextName = name ?? self.root["current-context"]?.string, !contextName.isEmpty else {
            throw ClusterConfigurationError("kubeconfig: current-context is not set")
        }
        let context = try self.entry("contexts", named: contextName, member: "context")
        let cluster = try self.entry("clusters", named: self.text(context, "cluster") ?? "", member: "cluster")
        guard let server = self.text(cluster, "server") else {
            throw ClusterConfigurationError("kubeconfig: the cluster of context '\(contextName)' has no server")
        }
        var connection = ClusterConnection(server: server.hasSuffix("/") ? String(server.dropLast()) : server)
        connection.authorityPEM = try self.content(cluster, "certificate-authority")
        connection.skipsVerification = cluster["insecure-skip-tls-verify"]?.boolean ?? false
        connection.namespace = self.text(context, "namespace") ?? "default"
        if let userName = self.text(context, "user") {
            try self.logIn(try self.entry("users", named: userName, member: "user"), to: &connection)
        }
        return connection
    }

    private func logIn(
        _ user: JSONValue,
        to connection: inout ClusterConnection
    ) throws(ClusterConfigurationError) {
        connection.clientCertificatePEM = try self.content(user, "client-certificate")
        connection.clientKeyPEM = try self.content(user, "client-key")
        if (connection.clientCertificatePEM == nil) != (connection.clientKeyPEM == nil) {
            throw ClusterConfigurationError("kubeconfig: client-certificate and client-key go together")
        }
        // The order in which other clients prefer them.
        if let file = self.text(user, "tokenFile") {
            connection.credential = .tokenFile(self.path(file))
        } else if let token = self.text(user, "token") {
            connection.credential = .token(token)
        } else if let name = self.text(user, "username"), let password = self.text(user, "password") {
            connection.credential = .basic(user: name, password: password)
        } else if let exec = user["exec"] {
            connection.credential = .exec(try self.plugin(exec))
        }
    }

    private func plugin(_ exec: JSONValue) throws(ClusterConfigurationError) -> ExecPlugin {
        guard let command = self.text(exec, "command") else {
            throw ClusterConfigurationError("kubeconfig: exec.command is not set")
        }
        var environment: [String: String] = [:]
        for variable in exec["env"]?.elements ?? [] {
            if let name = self.text(variable, "name") { environment[name] = variable["value"]?.string ?? "" }
        }
        return ExecPlugin(
            // A bare name is looked up in PATH, anything else is relative to the file.
            command: command.contains("/") ? self.path(command) : command,
            arguments: (exec["args"]?.elements ?? []).compactMap(\.string),
            environment: environment,
            apiVersion: self.text(exec, "apiVersion") ?? "client.authentication.k8s.io/v1"
        )
    }

    private func entry(
        _ list: String,
        named name: String,
        member: String
    ) throws(ClusterConfigurationError) -> JSONValue {
        let entries = self.root[list]?.elements ?? []
        guard let entry = entries.first(where: { $0["name"]?.string == name }) else {
            throw ClusterConfigurationError("kubeconfig: there is no entry '\(name)' in \(list)")
        }
        return entry[member] ?? .object([:])
    }

    private func text(_ mapping: JSONValue, _ name: String) -> String? {
        guard let text = mapping[name]?.string, !text.isEmpty else { return nil }
        return text
    }

    /// Inline data in base 64, or the content of a file.
    private func content(_ mapping: JSONValue, _ name: String) throws(ClusterConfigurationError) -> [UInt8]? {
        if let encoded = self.text(mapping, "\(name)-data") {
            guard let data = Data(base64Encoded: encoded, options: .ignoreUnknownCharacters) else {
                throw ClusterConfigurationError("kubeconfig: \(name)-data is not base 64")
            }
            return [UInt8](data)
        }
        guard let file = self.text(mapping, name) else { return nil }
        return try BoundedFile.read(self.path(file), byteLimit: Self.byteLimit)
    }

    private func path(_ file: String) -> String {
        file.hasPrefix("/") ? file : "\(self.directory)/\(file)"
    }
}
