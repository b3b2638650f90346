import Testing

@testable import Sidecar

@Suite struct HTTPResponseParserTests {
    private enum Outcome: Equatable {
        case complete(status: Int, keepsAlive: Bool, rest: Int)
        case needsMore
        case failed(HTTPResponseParser.Fault)
    }

    /// Feeds the parts one after the other; a nil part is the end of the stream.
    private func feed(_ parts: [[UInt8]?]) -> Outcome {
        var parser = HTTPResponseParser()
        for (index, part) in parts.enumerated() {
            do throws(HTTPResponseParser.Fault) {
                guard let part else {
                    let answer = try parser.endOfStream()
                    return .complete(status: answer.status, keepsAlive: answer.keepsAlive, rest: 0)
                }
                var outcome: Result<(Int, HTTPResponseParser.Step), HTTPResponseParser.Fault> = .success(
                    (0, .needsMore)
                )
                part.withUnsafeBytes { bytes in
                    do throws(HTTPResponseParser.Fault) {
                        outcome = .success(try parser.consume(bytes))
                    } catch {
                        outcome = .failure(error)
                    }
                }
                let (consumed, step) = try outcome.get()
                if case .complete(let answer) = step {
                    let later = parts[(index + 1)...].reduce(0) { $0 + ($1?.count ?? 0) }
                    return .complete(
                        status: answer.status,
                        keepsAlive: answer.keepsAlive,
                        rest: part.count - consumed + later
                    )
                }
            } catch {
                return .failed(error)
            }
        }
        return .needsMore
    }

    private static let answers: [(String, Outcome)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", .complete(status: 200, keepsAlive: true, rest: 0)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nX", .complete(status: 200, keepsAlive: true, rest: 1)),
        (
            "HTTP/1.1 201\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
            .complete(status: 201, keepsAlive: false, rest: 0)
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", .complete(status: 204, keepsAlive: true, rest: 0)),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", .complete(status: 200, keepsAlive: false, rest: 0)),
        (
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
            .complete(status: 200, keepsAlive: true, rest: 0)
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
            .complete(status: 500, keepsAlive: true, rest: 0)
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
            .complete(status: 200, keepsAlive: true, rest: 0)
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n\r\nrest",
            .complete(status: 200, keepsAlive: true, rest: 4)
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n1\nx\n0\n\n",
            .complete(status: 200, keepsAlive: false, rest: 0)
        ),
        ("HTTP/1.1 200 OK\nContent-Length: 1\n\nx", .complete(status: 200, keepsAlive: true, rest: 0)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}", .complete(status: 200, keepsAlive: true, rest: 0)),
    ]

    @Test("answers are understood however their bytes are split", arguments: 0..<12)
    func split(number: Int) {
        let (text, expected) = Self.answers[number]
        let bytes = Array(text.utf8)
        for index in 0...bytes.count {
            #expect(self.feed([Array(bytes[..<index]), Array(bytes[index...])]) == expected, "split at \(index)")
        }
        #expect(self.feed(bytes.map { [$0] }) == expected)
    }

    @Test("every shorter answer needs more bytes, or is an error at the end of the stream", arguments: 0..<12)
    func truncated(number: Int) {
        let bytes = Array(Self.answers[number].0.utf8)
        guard case .complete(_, _, let rest) = Self.answers[number].1 else { return }
        for count in 0..<(bytes.count - rest) {
            #expect(self.feed([Array(bytes[..<count])]) == .needsMore)
            #expect(self.feed([Array(bytes[..<count]), nil]) == .failed(.closedEarly))
        }
    }

    @Test("without a length the end of the stream is the end of the answer")
    func untilClose() {
        #expect(
            self.feed([Array("HTTP/1.1 200 OK\r\n\r\nabc".utf8), Array("def".utf8), nil])
                == .complete(status: 200, keepsAlive: false, rest: 0)
        )
    }

    @Test(
        "what is no answer is refused",
        arguments: [
            "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n",
            "HTTP/1.1 099 X\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 101 X\r\n\r\n", "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy",
            String(repeating: "HTTP/1.1 100 C\r\n\r\n", count: 9),
        ]
    )
    func malformed(text: String) {
        #expect(self.feed([Array(text.utf8)]) == .failed(.malformed))
        #expect(self.feed(Array(text.utf8).map { [$0] }) == .failed(.malformed))
    }

    @Test("heads, bodies, chunks and trailers are bounded")
    func limits() {
        let head = "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000)
        #expect(self.feed([Array(head.utf8)]) == .failed(.headTooLarge))
        #expect(self.feed([Array("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n".utf8)]) == .failed(.bodyTooLarge))
        #expect(
            self.feed([Array("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n".utf8)])
                == .failed(.bodyTooLarge)
        )
        let megabyte = [UInt8](repeating: 120, count: 1_048_576)
        #expect(self.feed([Array("HTTP/1.1 200 OK\r\n\r\n".utf8), megabyte]) == .needsMore)
        #expect(self.feed([Array("HTTP/1.1 200 OK\r\n\r\n".utf8), megabyte, [1]]) == .failed(.bodyTooLarge))
        let chunked = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        #expect(self.feed([chunked, Array("fffffffff".utf8)]) == .failed(.bodyTooLarge))
        #expect(self.feed([chunked, Array("100001\r\n".utf8), megabyte, [120]]) == .failed(.bodyTooLarge))
        #expect(
            self.feed([chunked, Array("1;".utf8), [UInt8](repeating: 120, count: 70_000)]) == .failed(.headTooLarge)
        )
        #expect(
            self.feed([chunked, Array("0\r\n".utf8), [UInt8](repeating: 120, count: 70_000)]) == .failed(.headTooLarge)
        )
    }

    @Test("random bytes end in a fault or wait, never in a crash")
    func garbage() {
        var generator = SystemRandomNumberGenerator()
        let heads = ["", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n"]
        let alphabet = Array("0123456789abcdef\r\n;: HTP/.x\u{0}".utf8)
        for _ in 0..<5000 {
            let tail = (0..<Int.random(in: 0..<64, using: &generator)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            let head = heads[Int.random(in: 0..<3, using: &generator)]
            _ = self.feed([Array(head.utf8) + tail, nil])
        }
    }
}
