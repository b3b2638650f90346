import Glibc

/// What tells a file from its next version without reading it.
struct FileStamp: Equatable, Sendable {
    private var seconds: Int
    private var nanoseconds: Int
    private var byteCount: Int
    private var inode: UInt64

    /// `nil` when there is no such file.
    init?(_ path: String) {
        var information = Glibc.stat()
        guard stat(path, &information) == 0 else { return nil }
        self.seconds = information.st_mtim.tv_sec
        self.nanoseconds = information.st_mtim.tv_nsec
        self.byteCount = Int(information.st_size)
        self.inode = UInt64(information.st_ino)
    }
}
