import ActorResource
import FoundationEssentials
import Support

/// Reads kubeconfig files (operator.md 1): the current context with its cluster and user; certificates inline or in
/// files, tokens, token files, exec plugins. Of several files the first that has an entry counts, as with kubectl.
struct Kubeconfig {
    /// Far above any real file.
    static let byteLimit = YAMLReader.byteLimit

    /// One file.
    private struct File {
        var root: JSONValue
        /// To which its relative paths refer.
        var directory: String
    }

    /// A part of a file.
    private struct Section {
        var value: JSONValue
        var directory: String
    }

    private var files: [File] = []

    /// Nothing yet.
    init() {}

    /// The text of one file in `directory`.
    init(text: String, directory: String) throws(ClusterConfigurationError) {
        try self.add(text: text, directory: directory)
    }

    /// Adds a file; what an earlier one says stays.
    mutating func add(text: String, directory: String) throws(ClusterConfigurationError) {
        let (documents, fault) = YAMLReader.read(text, file: "kubeconfig")
        if let fault { throw ClusterConfigurationError("\(fault.position): \(fault.message)") }
        guard let root = documents.first?.json, root.members != nil else {
            throw ClusterConfigurationError("kubeconfig: the document is not a mapping")
        }
        self.files.append(File(root: root, directory: directory))
    }

    /// The connection of `context`, or of the current one.
    func connection(context name: String? = nil) throws(ClusterConfigurationError) -> ClusterConnection {
        let current = self.files.lazy.compactMap { $0.root["current-context"]?.string }.first { !$0.isEmpty }
        guard let contextName = name ?? current else {
            throw ClusterConfigurationError("kubeconfig: current-context is not set")
        }
        let context = try self.entry("contexts", named: contextName, member: "context").value
        let cluster = try self.entry("clusters", named: Self.text(context, "cluster") ?? "", member: "cluster")
        guard let server = Self.text(cluster.value, "server") else {
            throw ClusterConfigurationError("kubeconfig: the cluster of context '\(contextName)' has no server")
        }
        var connection = ClusterConnection(server: server.hasSuffix("/") ? String(server.dropLast()) : server)
        connection.authorityPEM = try Self.content(cluster, "certificate-authority")
        connection.skipsVerification = cluster.value["insecure-skip-tls-verify"]?.boolean ?? false
        connection.namespace = Self.text(context, "namespace") ?? "default"
        if let userName = Self.text(context, "user") {
            try Self.logIn(try self.entry("users", named: userName, member: "user"), to: &connection)
        }
        return connection
    }

    private static func logIn(
        _ section: Section,
        to connection: inout ClusterConnection
    ) throws(ClusterConfigurationError) {
        let user = section.value
        connection.clientCertificatePEM = try self.content(section, "client-certificate")
        connection.clientKeyPEM = try self.content(section, "client-key")
        if (connection.clientCertificatePEM == nil) != (connection.clientKeyPEM == nil) {
            throw ClusterConfigurationError("kubeconfig: client-certificate and client-key go together")
        }
        // The order in which other clients prefer them.
        if let file = self.text(user, "tokenFile") {
            connection.credential = .tokenFile(self.path(file, in: section.directory))
        } else if let token = self.text(user, "token") {
            connection.credential = .token(token)
        } else if let name = self.text(user, "username"), let password = self.text(user, "password") {
            connection.credential = .basic(user: name, password: password)
        } else if let exec = user["exec"] {
            connection.credential = .exec(try self.plugin(exec, directory: section.directory))
        }
    }

    private static func plugin(
        _ exec: JSONValue,
        directory: String
    ) throws(ClusterConfigurationError) -> ExecPlugin {
        guard let command = self.text(exec, "command") else {
            throw ClusterConfigurationError("kubeconfig: exec.command is not set")
        }
        var environment: [String: String] = [:]
        for variable in exec["env"]?.elements ?? [] {
            if let name = self.text(variable, "name") { environment[name] = variable["value"]?.string ?? "" }
        }
        return ExecPlugin(
            // A bare name is looked up in PATH, anything else is relative to the file.
            command: command.contains("/") ? self.path(command, in: directory) : command,
            arguments: (exec["args"]?.elements ?? []).compactMap(\.string),
            environment: environment,
            apiVersion: self.text(exec, "apiVersion") ?? "client.authentication.k8s.io/v1"
        )
    }

    private func entry(
        _ list: String,
        named name: String,
        member: String
    ) throws(ClusterConfigurationError) -> Section {
        for file in self.files {
            let entries = file.root[list]?.elements ?? []
            guard let entry = entries.first(where: { $0["name"]?.string == name }) else { continue }
            return Section(value: entry[member] ?? .object([:]), directory: file.directory)
        }
        throw ClusterConfigurationError("kubeconfig: there is no entry '\(name)' in \(list)")
    }

    private static func text(_ mapping: JSONValue, _ name: String) -> String? {
        guard let text = mapping[name]?.string, !text.isEmpty else { return nil }
        return text
    }

    /// Inline data in base 64, or the content of a file.
    private static func content(_ section: Section, _ name: String) throws(ClusterConfigurationError) -> [UInt8]? {
        if let encoded = self.text(section.value, "\(name)-data") {
            guard let data = Data(base64Encoded: encoded, options: .ignoreUnknownCharacters) else {
                throw ClusterConfigurationError("kubeconfig: \(name)-data is not base 64")
            }
            return [UInt8](data)
        }
        guard let file = self.text(section.value, name) else { return nil }
        return try BoundedFile.read(self.path(file, in: section.directory), byteLimit: Self.byteLimit)
    }

    private static func path(_ file: String, in directory: String) -> String {
        file.hasPrefix("/") ? file : "\(directory)/\(file)"
    }
}
