import Testing

@testable import Sidecar

@Suite struct GatewayURLTests {
    @Test(
        "base URLs are taken apart",
        arguments: [
            ("http://gateway", false, "gateway", 80, "", "gateway"),
            ("http://gateway:8080/", false, "gateway", 8080, "", "gateway:8080"),
            ("https://g.example/base//", true, "g.example", 443, "/base", "g.example"),
            ("https://10.0.0.1:443/a/b", true, "10.0.0.1", 443, "/a/b", "10.0.0.1"),
            ("http://[::1]:9/x", false, "::1", 9, "/x", "[::1]:9"), ("http://[::1]", false, "::1", 80, "", "[::1]"),
            ("HTTP://h:", false, "h", 80, "", "h"),
        ]
    )
    func parts(text: String, isTLS: Bool, host: String, port: Int, basePath: String, header: String) throws {
        let url = try GatewayURL(text)
        #expect(url.isTLS == isTLS)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.basePath == basePath)
        #expect(url.hostHeader == header)
    }

    @Test(
        "other texts are refused",
        arguments: [
            ("gateway", .unsupportedScheme), ("ftp://x", .unsupportedScheme), ("://x", .unsupportedScheme),
            ("http://", .missingHost), ("http:///x", .missingHost), ("http://u:p@h", .hasCredentials),
            ("http://h?x", .hasQuery), ("http://h/#a", .hasQuery), ("http://h:0", .invalidPort),
            ("http://h:99999", .invalidPort), ("http://h:x", .invalidPort), ("http://h:+1", .invalidPort),
            ("http://[::1", .malformed), ("http://[::1]x", .malformed), ("http://h h", .malformed),
            ("http://h\r\nX: y", .malformed),
        ] as [(String, GatewayURLError)]
    )
    func refused(text: String, error: GatewayURLError) {
        #expect(throws: error) { try GatewayURL(text) }
    }

    @Test("paths carry the base and encoded ids")
    func paths() throws {
        let url = try GatewayURL("http://h/base/")
        #expect(url.healthPath == "/base/health")
        #expect(url.envelopesPath == "/base/envelopes")
        #expect(url.progressPath(id: "a-1_b.c~") == "/base/envelopes/a-1_b.c~/progress")
        #expect(url.finalPath(id: "a/b ?#%é\r\n") == "/base/envelopes/a%2Fb%20%3F%23%25%C3%A9%0D%0A/final")
        #expect(url.progressPath(id: "..") == "/base/envelopes/%2E%2E/progress")
        #expect(url.progressPath(id: "") == "/base/envelopes//progress")
    }
}
