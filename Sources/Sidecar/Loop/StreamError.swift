/// What went wrong on a stream connection. `description` is fit for a log line: it never holds data or secrets.
enum StreamError: Error, Equatable, CustomStringConvertible {
    case unresolvable(host: String, reason: String)
    /// A negative errno, as libuv gives it.
    case connectFailed(code: Int32)
    case tlsFailed(reason: String)
    case readFailed(code: Int32)
    case writeFailed(code: Int32)
    case notConnected

    var description: String {
        switch self {
        case .unresolvable(let host, let reason): "cannot resolve \(host): \(reason)"
        case .connectFailed(let code): "connect: \(systemErrorText(code))"
        case .tlsFailed(let reason): reason
        case .readFailed(let code): "read: \(systemErrorText(code))"
        case .writeFailed(let code): "write: \(systemErrorText(code))"
        case .notConnected: "not connected"
        }
    }
}

/// How to speak TLS to a server.
struct TLSSettings: Equatable {
    /// Name (or address) the certificate must carry.
    var serverName: String
    /// PEM files; without `caFile` the system's authorities count.
    var caFile: String?
    var certificateFile: String?
    var keyFile: String?
    var verifiesPeer = true
}
