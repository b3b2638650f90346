import Testing

@testable import Sidecar

@Suite struct HTTPRequestTests {
    private func request(_ text: String) throws(HTTPRequest.Refusal) -> HTTPRequest {
        var result: Result<HTTPRequest, HTTPRequest.Refusal> = .failure(.malformed)
        Array(text.utf8).withUnsafeBytes { bytes in
            do throws(HTTPRequest.Refusal) {
                result = .success(try HTTPRequest(bytes))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    @Test("an ordinary scrape is understood")
    func scrape() throws {
        let request = try self.request(
            "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\nAccept-Encoding: gzip\r\n\r\n"
        )
        #expect(request.method == .get)
        #expect(request.path == "/metrics")
        #expect(request.keepsAlive)
        #expect(request.acceptsGzip)
        #expect(!request.hasBody)
        #expect(request.accept == "text/plain")
    }

    @Test(
        "the connection's future",
        arguments: [
            ("1.1", "", true), ("1.1", "Connection: close", false), ("1.1", "Connection: Upgrade, Close", false),
            ("1.0", "", false), ("1.0", "Connection: Keep-Alive", true),
        ]
    )
    func keepAlive(version: String, field: String, expected: Bool) throws {
        let line = field.isEmpty ? "" : field + "\r\n"
        #expect(try self.request("GET / HTTP/\(version)\r\nHost: a\r\n\(line)\r\n").keepsAlive == expected)
    }

    @Test(
        "what is no request gets a status",
        arguments: [
            ("GET /\r\n\r\n", .malformed), ("GET / HTTP/1.1\r\n\r\n", .malformed),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .malformed),
            ("GET metrics HTTP/1.1\r\nHost: a\r\n\r\n", .malformed),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
            ("GET / FTP/1.1\r\nHost: a\r\n\r\n", .malformed),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .malformed),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", .malformed), ("\u{16}\u{3}\u{1} /\r\n\r\n", .malformed),
        ] as [(String, HTTPRequest.Refusal)]
    )
    func refused(text: String, refusal: HTTPRequest.Refusal) {
        #expect(throws: refusal) { try self.request(text) }
    }

    @Test("old versions need no host, absolute targets have a path, bodies are noticed")
    func variants() throws {
        #expect(try self.request("HEAD / HTTP/1.0\r\n\r\n").method == .head)
        #expect(try self.request("GET http://h:1/ready?q HTTP/1.1\r\nHost: h\r\n\r\n").path == "/ready")
        #expect(try self.request("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").path == "/")
        #expect(try self.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n").hasBody)
        #expect(try self.request("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").hasBody)
        #expect(!(try self.request("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").hasBody))
    }

    @Test(
        "gzip is used when it is wanted",
        arguments: [
            ("gzip", true), ("deflate, GZIP;q=0.5", true), ("*", true), ("gzip;q=0", false), ("gzip;q=0, *", false),
            ("", false), ("identity", false), ("*;q=0", false),
        ]
    )
    func gzip(header: String, expected: Bool) {
        #expect(QualityValues(header).accepts("gzip") == expected)
    }

    @Test(
        "the page's format follows the Accept header",
        arguments: [
            ("", .prometheus), ("*/*", .prometheus), ("text/plain", .prometheus), ("text/html", .prometheus),
            ("application/openmetrics-text", .openMetrics(version: "0.0.1")),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                .openMetrics(version: "1.0.0")
            ),
            ("application/openmetrics-text; version=0.0.1", .openMetrics(version: "0.0.1")),
            ("text/plain;version=0.0.4;q=0.9, application/openmetrics-text;version=1.0.0;q=0.1", .prometheus),
            ("application/openmetrics-text;version=2.0.0", .prometheus),
            ("application/openmetrics-text;version=1.0.0;q=0", .prometheus),
        ] as [(String, ExpositionFormat)]
    )
    func format(accept: String, format: ExpositionFormat) {
        #expect(ExpositionFormat.negotiated(accept: accept) == format)
    }
}
