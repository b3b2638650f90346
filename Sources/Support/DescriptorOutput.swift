internal import Glibc

/// Writing all of something to a file descriptor of whatever kind.
public enum DescriptorOutput {
    /// Writes everything, however little the descriptor takes at a time; waits for one that somebody made non-blocking.
    ///
    /// - Returns: 0, or the `errno` that ended it.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                written += count
            } else if count < 0, errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if count < 0, errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
