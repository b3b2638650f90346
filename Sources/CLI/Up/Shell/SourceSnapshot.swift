import Glibc

/// The state of an actor's Python files as one number: another number means that the code has changed.
///
/// Modification times are compared instead of watching with inotify: no limit of watches, no race with files that
/// editors replace, and folders appear and go without further care.
struct SourceSnapshot: Equatable {
    /// Larger trees are looked at in part; data beside the code is not Python.
    private static let fileLimit = 5000
    private static let depthLimit = 8
    private static let suffix = ".py"

    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var fileCount = 0

    /// Looks at all Python files below `folder` but for hidden folders, caches and virtual environments.
    init(folder: String) {
        self.add(folder: folder, depth: 0)
    }

    private mutating func add(folder: String, depth: Int) {
        guard depth < Self.depthLimit, let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        var names: [(name: String, isFolder: Bool)] = []
        while let entry = readdir(stream), names.count < Self.fileLimit {
            let type = Int(entry.pointee.d_type)
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), name != "__pycache__", name != "node_modules" else { continue }
            if type == Int(DT_DIR) {
                names.append((name, true))
            } else if name.hasSuffix(Self.suffix) {
                names.append((name, false))
            }
        }
        for (name, isFolder) in names.sorted(by: { $0.name < $1.name }) where self.fileCount < Self.fileLimit {
            let path = "\(folder)/\(name)"
            if !isFolder {
                self.add(file: path)
            } else if access("\(path)/pyvenv.cfg", F_OK) != 0 {
                self.add(folder: path, depth: depth + 1)
            }
        }
    }

    private mutating func add(file path: String) {
        var information = stat()
        guard stat(path, &information) == 0 else { return }
        self.fileCount += 1
        for byte in path.utf8 { self.mix(UInt64(byte)) }
        self.mix(UInt64(bitPattern: Int64(information.st_size)))
        self.mix(UInt64(bitPattern: Int64(information.st_mtim.tv_sec)))
        self.mix(UInt64(bitPattern: Int64(information.st_mtim.tv_nsec)))
        self.mix(UInt64(information.st_ino))
    }

    /// FNV-1a over words.
    private mutating func mix(_ word: UInt64) {
        self.value = (self.value ^ word) &* 0x100_0000_01B3
    }
}
