extension ClusterConnection {
    /// Where a pod finds its service account.
    static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The connection to use (operator.md 1): the file of the flag, `KUBECONFIG`, the pod's service account, then
    /// `~/.kube/config`.
    static func find(
        flag: String?,
        environment: [String: String],
        serviceAccountDirectory directory: String = Self.serviceAccountDirectory
    ) throws(ClusterConfigurationError) -> ClusterConnection {
        if let path = flag, !path.isEmpty { return try self.kubeconfig([path]) }
        if let paths = environment["KUBECONFIG"]?.split(separator: ":").map(String.init), !paths.isEmpty {
            return try self.kubeconfig(paths)
        }
        if let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"] {
            return try self.inCluster(host: host, port: port, directory: directory)
        }
        if let home = environment["HOME"] { return try self.kubeconfig(["\(home)/.kube/config"]) }
        throw ClusterConfigurationError(
            "no way to reach an API server: set --kubeconfig or KUBECONFIG, or run in a pod with a service account"
        )
    }

    /// Files of a list that do not exist are left out, as long as one does.
    private static func kubeconfig(_ paths: [String]) throws(ClusterConfigurationError) -> ClusterConnection {
        let existing = paths.filter { FileStamp($0) != nil }
        var kubeconfig = Kubeconfig()
        for path in existing.isEmpty ? paths : existing {
            let content = try BoundedFile.read(path, byteLimit: Kubeconfig.byteLimit)
            let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            try kubeconfig.add(text: String(decoding: content, as: UTF8.self), directory: directory)
        }
        return try kubeconfig.connection()
    }

    private static func inCluster(
        host: String,
        port: String,
        directory: String
    ) throws(ClusterConfigurationError) -> ClusterConnection {
        let authority = host.contains(":") ? "[\(host)]" : host
        var connection = ClusterConnection(server: "https://\(authority):\(port)")
        connection.authorityPEM = try BoundedFile.read("\(directory)/ca.crt", byteLimit: Kubeconfig.byteLimit)
        connection.credential = .tokenFile("\(directory)/token")
        _ = try BoundedFile.text("\(directory)/token")
        if let namespace = try? BoundedFile.text("\(directory)/namespace"), !namespace.isEmpty {
            connection.namespace = namespace  // Without the file the default stays.
        }
        return connection
    }
}
