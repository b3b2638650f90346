import Glibc

/// What tells a file from the one that was there before, without reading it.
public struct FileStamp: Equatable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let byteCount: Int
    private let modifiedSeconds: Int
    private let modifiedNanoseconds: Int
    /// Whether it is a directory.
    public let isDirectory: Bool

    /// The file that the path leads to, links followed; nil when there is none.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.device = UInt64(status.st_dev)
        self.inode = UInt64(status.st_ino)
        self.byteCount = Int(status.st_size)
        self.modifiedSeconds = status.st_mtim.tv_sec
        self.modifiedNanoseconds = status.st_mtim.tv_nsec
        self.isDirectory = status.st_mode & S_IFMT == S_IFDIR
    }
}
