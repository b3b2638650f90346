internal import FoundationEssentials

/// Where the embedded store's file is when nobody says so: in the user's state directory, or in the temporary one where
/// only that can be written (a read-only container).
enum StoreLocation {
    /// The path, and whether it is a place that does not last.
    static func path(configured: String?, port: Int, environment: (String) -> String?) -> (
        path: String, isLasting: Bool
    ) {
        if let configured { return (configured, true) }
        let name = "gateway-\(port).db"
        let home = environment("HOME").map { $0 + "/.local/state" }
        let base = environment("STATE_DIRECTORY") ?? environment("XDG_STATE_HOME") ?? home
        if let base, self.canCreate(base + "/asya") { return ("\(base)/asya/\(name)", true) }
        let temporary = (environment("TMPDIR") ?? "/tmp") + "/asya"
        _ = self.canCreate(temporary)
        return ("\(temporary)/\(name)", false)
    }

    /// Makes the directory, readable for its owner only.
    private static func canCreate(_ directory: String) -> Bool {
        do {
            try FileManager.default.createDirectory(
                atPath: directory,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            return false
        }
        return FileManager.default.isWritableFile(atPath: directory)
    }
}
