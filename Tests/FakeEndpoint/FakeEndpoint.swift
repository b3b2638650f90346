import Foundation
import Glibc
import Synchronization

/// An HTTP server on loopback that answers what a test wants: for the metadata services of AWS, which exist only inside
/// AWS, and for faults that moto does not have. One request per connection, one thread.
package final class FakeEndpoint: Sendable {
    package struct Request: Sendable {
        package var method: String
        package var path: String
        /// By lower-case name.
        package var headers: [String: String]
        package var body: String
    }

    package struct Reply: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: String

        package init(status: Int = 200, headers: [String: String] = [:], body: String = "") {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    package let url: String
    private let listener: Int32
    private let seen = Mutex<[Request]>([])

    /// The requests so far.
    package var requests: [Request] { self.seen.withLock { $0 } }

    /// `answer` is called on the server's thread with each request and its number; nil closes without a reply.
    package init(_ answer: @escaping @Sendable (Request, Int) -> Reply?) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer -> UInt16? in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(listener, generic, length) == 0, listen(listener, 16) == 0 else { return false }
                return getsockname(listener, generic, &length) == 0
            } ? UInt16(bigEndian: pointer.pointee.sin_port) : nil
        }
        guard listener >= 0, let port else { throw POSIXError(.EADDRNOTAVAIL) }
        self.listener = listener
        self.url = "http://127.0.0.1:\(port)"
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { break }
                self?.serve(connection, answer)
                Glibc.close(connection)
            }
            // Here and not in deinit: the number may be another socket's as soon as it is closed.
            Glibc.close(listener)
        }
    }

    deinit {
        // Wakes the thread, or lets its next call fail; it ends then.
        shutdown(self.listener, Int32(SHUT_RDWR))
    }

    private func serve(_ connection: Int32, _ answer: (Request, Int) -> Reply?) {
        guard let request = Self.read(connection) else { return }
        let number = self.seen.withLock { seen in
            seen.append(request)
            return seen.count
        }
        guard let reply = answer(request, number) else { return }
        var text = "HTTP/1.1 \(reply.status) X\r\nConnection: close\r\nContent-Length: \(reply.body.utf8.count)\r\n"
        for (name, value) in reply.headers { text += "\(name): \(value)\r\n" }
        var bytes = Array((text + "\r\n" + reply.body).utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
        shutdown(connection, Int32(SHUT_WR))
        while !Self.chunk(connection).isEmpty {}
    }

    private static func chunk(_ connection: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
            count = max(recv(connection, buffer.baseAddress, buffer.count, 0), 0)
        }
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var head: String?
        var bodyStart = 0
        while head == nil {
            let more = self.chunk(connection)
            guard !more.isEmpty else { return nil }
            bytes += more
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                head = String(text[..<end.lowerBound])
                bodyStart = text[..<end.upperBound].utf8.count
            }
        }
        guard let lines = head?.components(separatedBy: "\r\n"), let start = lines.first else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let length = Int(headers["content-length"] ?? "0") ?? 0
        while bytes.count < bodyStart + length {
            let more = self.chunk(connection)
            guard !more.isEmpty else { return nil }
            bytes += more
        }
        let words = start.split(separator: " ")
        guard words.count == 3 else { return nil }
        return Request(
            method: String(words[0]),
            path: String(words[1]),
            headers: headers,
            body: String(decoding: bytes[bodyStart...], as: UTF8.self)
        )
    }
}
