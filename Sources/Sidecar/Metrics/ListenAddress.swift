/// Where to listen, as Go writes it: `:8080`, `127.0.0.1:0`, `[::1]:9` (`sidecar.md` section 2).
struct ListenAddress: Equatable, Sendable {
    /// Empty means every interface, IPv4 and IPv6.
    var host: String
    /// 0 lets the system choose.
    var port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init?(parsing text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        var host = text[..<colon]
        let digits = text[text.utf8.index(after: colon)...]
        guard let port = UInt16(digits), digits.utf8.first != UInt8(ascii: "+") else { return nil }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.utf8.count > 2 else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.utf8.contains(UInt8(ascii: ":")) {
            return nil  // An IPv6 address without brackets: which colon starts the port is a guess.
        }
        let isPlain = host.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "[") && $0 != UInt8(ascii: "]")
        }
        guard isPlain else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }
}
