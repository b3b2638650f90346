public import ActorResource
import Glibc

/// Finds and reads the files that `-f` names, for `asya validate` and `asya up` alike.
///
/// A file is read whatever its name; `-` is standard input; of a folder the files `*.yaml` and `*.yml` are read, in
/// alphabetical order but for `tools.yaml`, and what in them is no actor is left alone. Without `-f`: `asya.yaml` in the current folder, else
/// the manifests of the current folder, else those of the folders directly below it.
public enum ManifestFiles {
    /// Why a file or folder cannot be read; each text names it.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        /// One sentence.
        public var description: String
    }

    /// A file to read.
    struct Source: Equatable {
        var path: String
        /// Found in a folder, not named.
        var isFound: Bool
    }

    /// Tools of a gateway, which may lie beside the manifests.
    public static let toolsName = "tools.yaml"
    /// More entries are no folder of manifests.
    static let folderEntryLimit = 10_000

    /// Everything the files say. Findings name files as they were given.
    public static func read(_ paths: [String], profile: ActorManifest.Profile) throws(Failure) -> ActorManifest {
        var manifest = ActorManifest(profile: profile)
        for source in try self.sources(paths) {
            let name = source.path == "-" ? "<stdin>" : source.path
            let text = try self.text(of: source.path, name: name)
            manifest.add(yaml: text, file: name, ignoresUnknownDocuments: source.isFound)
        }
        return manifest
    }

    static func sources(_ paths: [String]) throws(Failure) -> [Source] {
        if paths.isEmpty { return try self.defaultSources() }
        var sources: [Source] = []
        for path in paths {
            if path != "-", self.isFolder(path) {
                let found = try self.manifests(in: path)
                guard !found.isEmpty else {
                    throw Failure(description: "there is no *.yaml file in the folder \(path)")
                }
                sources += found
            } else {
                sources.append(Source(path: path, isFound: false))
            }
        }
        return sources
    }

    private static func defaultSources() throws(Failure) -> [Source] {
        if access("asya.yaml", F_OK) == 0 { return [Source(path: "asya.yaml", isFound: false)] }
        let here = try self.manifests(in: ".")
        if !here.isEmpty { return here }
        var below: [Source] = []
        for name in try self.entries(of: ".") where !name.hasPrefix(".") && self.isFolder(name) {
            below += try self.manifests(in: name)
        }
        guard !below.isEmpty else {
            throw Failure(
                description: "there are no manifests here: neither asya.yaml nor *.yaml in this folder or the ones "
                    + "below; name them with -f"
            )
        }
        return below
    }

    private static func manifests(in folder: String) throws(Failure) -> [Source] {
        try self.entries(of: folder)
            .filter { !$0.hasPrefix(".") && $0 != self.toolsName && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
            .map { folder == "." ? $0 : folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
            .filter { !self.isFolder($0) }
            .map { Source(path: $0, isFound: true) }
    }

    private static func entries(of folder: String) throws(Failure) -> [String] {
        guard let stream = opendir(folder) else { throw self.failure("cannot read the folder \(folder)") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
            guard names.count <= self.folderEntryLimit else {
                throw Failure(description: "the folder \(folder) has more than \(self.folderEntryLimit) entries")
            }
        }
        return names.sorted()
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The text of a file, called `name` in errors; `-` is standard input.
    public static func text(of path: String, name: String) throws(Failure) -> String {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.failure("cannot read \(name)") }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = block.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw self.failure("cannot read \(name)")
            }
            bytes += block[..<count]
            guard bytes.count <= YAMLReader.byteLimit else {
                throw Failure(description: "\(name) is larger than \(YAMLReader.byteLimit) bytes: no manifest is")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(description: "\(name) is not UTF-8 text")
        }
        return text
    }

    private static func failure(_ text: String) -> Failure {
        Failure(description: "\(text): \(String(cString: strerror(errno)))")
    }
}
