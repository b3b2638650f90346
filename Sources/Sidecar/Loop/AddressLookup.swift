import CUVShim
import Glibc

/// An IPv4 or IPv6 address with a port.
struct SocketAddress {
    private var storage: sockaddr_storage

    init(storage: sockaddr_storage) {
        self.storage = storage
    }

    /// A numeric address; nil for a name.
    init?(literal: String, port: Int) {
        var storage = sockaddr_storage()
        let isAddress = withUnsafeMutablePointer(to: &storage) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            return uv_ip4_addr(literal, Int32(port), raw.assumingMemoryBound(to: sockaddr_in.self)) == 0
                || uv_ip6_addr(literal, Int32(port), raw.assumingMemoryBound(to: sockaddr_in6.self)) == 0
        }
        guard isAddress else { return nil }
        self.storage = storage
    }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>) -> R) -> R {
        withUnsafePointer(to: self.storage) { pointer in
            body(UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self))
        }
    }
}

/// Turns a host name into addresses on libuv's helper thread; the answer arrives on the loop.
final class AddressLookup {
    private let loop: EventLoop
    private let host: String
    private let port: Int
    private var finished: ((Result<[SocketAddress], StreamError>) -> Void)?

    init(loop: EventLoop, host: String, port: Int, finished: @escaping (Result<[SocketAddress], StreamError>) -> Void) {
        self.loop = loop
        self.host = host
        self.port = port
        self.finished = finished
    }

    /// The answer never arrives inside this call.
    func start() {
        if let address = SocketAddress(literal: self.host, port: self.port) {
            self.loop.atTurnEnd { self.finish(.success([address])) }
            return
        }
        guard let request = cuvshim_getaddrinfo_new() else {
            self.loop.atTurnEnd { self.finish(.failure(.unresolvable(host: self.host, reason: "out of memory"))) }
            return
        }
        // Balanced in the callback, which libuv always calls.
        let data = Unmanaged.passRetained(self).toOpaque()
        let result = cuvshim_resolve(self.loop.uv, request, self.host, String(self.port), data) {
            request,
            status,
            list in
            guard let request, let data = cuvshim_request_data(request) else { return }
            let lookup = Unmanaged<AddressLookup>.fromOpaque(data).takeRetainedValue()
            let addresses = AddressLookup.addresses(in: list)
            uv_freeaddrinfo(list)
            cuvshim_handle_free(request)
            lookup.finish(
                status == 0
                    ? .success(addresses)
                    : .failure(.unresolvable(host: lookup.host, reason: systemErrorText(status)))
            )
        }
        if result != 0 {
            Unmanaged<AddressLookup>.fromOpaque(data).release()
            cuvshim_handle_free(request)
            self.loop.atTurnEnd {
                self.finish(.failure(.unresolvable(host: self.host, reason: systemErrorText(result))))
            }
        }
    }

    /// The answer will be ignored.
    func cancel() {
        self.finished = nil
    }

    private func finish(_ result: Result<[SocketAddress], StreamError>) {
        let finished = self.finished
        self.finished = nil
        finished?(result)
    }

    private static func addresses(in list: UnsafeMutablePointer<addrinfo>?) -> [SocketAddress] {
        var found: [SocketAddress] = []
        var entry = list
        while let current = entry {
            var storage = sockaddr_storage()
            if let address = current.pointee.ai_addr {
                withUnsafeMutableBytes(of: &storage) { bytes in
                    let count = min(bytes.count, Int(current.pointee.ai_addrlen))
                    bytes.copyMemory(from: UnsafeRawBufferPointer(start: address, count: count))
                }
                found.append(SocketAddress(storage: storage))
            }
            entry = current.pointee.ai_next
        }
        return found
    }
}
