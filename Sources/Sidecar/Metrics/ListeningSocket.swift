import CUVShim
import Glibc

/// A listening TCP socket on the loop; hands every accepted descriptor to its owner.
final class ListeningSocket {
    /// Connections the kernel keeps until they are accepted; a scrape target needs few.
    private static let backlog: Int32 = 64

    let port: Int
    private let descriptor: Int32
    private var poll: DescriptorPoll?

    /// - Parameter ready: connections wait; called again and again until they are accepted or `setAccepting(false)`.
    ///   It must not own this object strongly.
    init(loop: EventLoop, address: ListenAddress, ready: @escaping () -> Void) throws(ListenError) {
        let result = cuvshim_listen_tcp(address.host, Int32(address.port), Self.backlog)
        guard result >= 0 else { throw ListenError(reason: systemErrorText(result)) }
        self.descriptor = result
        self.port = Int(max(cuvshim_local_port(result), 0))
        do throws(LoopError) {
            self.poll = try DescriptorPoll(loop: loop, descriptor: result) { _ in ready() }
        } catch {
            // All fields are set, so deinit closes the descriptor.
            throw ListenError(reason: "\(error)")
        }
        self.poll?.wait(for: .readable)
    }

    deinit {
        self.poll = nil
        cuvshim_close(self.descriptor)
    }

    /// Whether `ready` is called; connections beyond wait in the kernel.
    func setAccepting(_ isAccepting: Bool) {
        self.poll?.wait(for: isAccepting ? .readable : [])
    }

    /// What one attempt to accept brought.
    enum Accepted: Equatable {
        /// A descriptor, owned by the caller.
        case connection(Int32)
        case nothingWaits
        /// For instance too many open files: trying again at once would only burn time.
        case failed(reason: String)
    }

    func accept() -> Accepted {
        let result = cuvshim_accept(self.descriptor)
        if result >= 0 { return .connection(result) }
        // A connection that was reset while it waited is none.
        let isNothing = [-EAGAIN, -ECONNABORTED].contains(result)
        return isNothing ? .nothingWaits : .failed(reason: systemErrorText(result))
    }
}

/// Why listening failed, fit for a log line.
struct ListenError: Error, Equatable, CustomStringConvertible {
    let reason: String
    var description: String { self.reason }
}
