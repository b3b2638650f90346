import Glibc

/// TCP ports of the loopback interface.
enum LoopbackPort {
    /// A port that is free now. Somebody may take it before its user does, who then says so.
    static func free() -> Int? { self.bound(0) }

    /// This port when it is free now, else another one.
    static func free(preferred port: Int) -> Int? { self.isFree(port) ? port : self.free() }

    /// Whether a listener could have the port now.
    static func isFree(_ port: Int) -> Bool { self.bound(port) != nil }

    private static func bound(_ port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(O_CLOEXEC), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // As listeners do: connections of an earlier one that are still closing do not matter.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard self.withAddress(port: port, { bind(descriptor, $0, $1) }) == 0 else { return nil }
        var address = sockaddr_in()
        var byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &byteCount) }
        }
        return status == 0 ? Int(in_port_t(bigEndian: address.sin_port)) : nil
    }

    /// Calls `body` with 127.0.0.1 and this port.
    static func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                body(generic, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
