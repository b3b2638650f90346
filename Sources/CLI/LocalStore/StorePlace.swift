import Glibc
public import Support

/// Where the queues of this machine are: the one rule that all commands share. `--path`, else `ASYA_EMBEDDED_PATH`, else
/// `.asya/queue.db` in the current folder or the nearest one above it that has it, as git finds `.git`; else a new one
/// in the current folder.
public struct StorePlace: Equatable, Sendable {
    /// Variable with the path of the file; the sidecar of the embedded transport reads it too.
    public static let pathVariable = "ASYA_EMBEDDED_PATH"
    /// Name of the folder.
    public static let folderName = ".asya"
    /// Name of the file in it.
    public static let fileName = "queue.db"
    /// A path can hardly be deeper; bounds the search.
    static let searchLimit = 256

    /// Absolute path of the SQLite file.
    public var file: String
    /// Whether the file was there when it was looked for.
    public var exists: Bool

    /// The folder of the file, where the results are too.
    public var folder: String { Self.folder(of: self.file) }

    /// The results that the built-in end actors keep.
    public var results: ResultFiles { ResultFiles(folder: self.folder + "/results") }

    /// The place by the rule above.
    public static func find(option: String?, environment: EnvironmentReader = .process) -> StorePlace {
        self.find(
            option: option,
            variable: environment.text(self.pathVariable),
            currentFolder: self.currentFolder(),
            exists: { access($0, F_OK) == 0 }
        )
    }

    /// The rule as a function of the machine's state.
    static func find(
        option: String?,
        variable: String?,
        currentFolder: String,
        exists: (String) -> Bool
    ) -> StorePlace {
        if let path = option ?? variable, !path.isEmpty {
            let file = self.absolute(path, in: currentFolder)
            return StorePlace(file: file, exists: exists(file))
        }
        var folder = currentFolder
        for _ in 0..<self.searchLimit {
            let candidate = self.absolute("\(self.folderName)/\(self.fileName)", in: folder)
            if exists(candidate) { return StorePlace(file: candidate, exists: true) }
            guard folder != "/", let slash = folder.lastIndex(of: "/") else { break }
            folder = slash == folder.startIndex ? "/" : String(folder[..<slash])
        }
        return StorePlace(file: self.absolute("\(self.folderName)/\(self.fileName)", in: currentFolder), exists: false)
    }

    /// `path` seen from `folder`.
    public static func absolute(_ path: String, in folder: String) -> String {
        if path.hasPrefix("/") { return path }
        return folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
    }

    /// The folder of an absolute path.
    public static func folder(of path: String) -> String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    /// The working directory; "/" when it was removed.
    public static func currentFolder() -> String {
        guard let pointer = getcwd(nil, 0) else { return "/" }
        defer { free(pointer) }
        return String(cString: pointer)
    }
}
