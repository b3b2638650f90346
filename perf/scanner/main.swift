// Time per envelope of the strict scan, and of writing the next hop, for the bodies of hot-path.md 5.
// Build for release, run alone: `scanner-bench [milliseconds per row]`.
import Envelope

/// One envelope of about `byteCount` bytes around a payload of a given shape.
struct Body {
    enum Shape: String, CaseIterable {
        case text, numbers, objects, nonASCII
    }

    let name: String
    let bytes: [UInt8]

    init(shape: Shape, byteCount: Int) {
        let head =
            #"{"id":"5f0c1d0e-6a6b-4c1e-9d57-2f6a0f3b7c11","route":{"actors":["prep","infer","post"],"current":1},"#
        let start = head + #""headers":{"trace_id":"t-1","priority":"high"},"payload":"#
        var payload = ""
        var random = Random(state: 42)
        let room = max(byteCount - start.utf8.count - 1, 2)
        switch shape {
        case .text:
            payload = "\"" + String(repeating: "The quick brown fox. ", count: room / 21 + 1).prefix(room - 2) + "\""
        case .nonASCII:
            payload = "\"" + String(repeating: "Übergrößenträger 漢字仮名 ", count: room / 33 + 1) + "\""
        case .numbers:
            payload = "[0.5"
            while payload.utf8.count < room - 12 { payload += ",0.\(random.next() % 1_000_000_000)" }
            payload += "]"
        case .objects:
            payload = "[{}"
            while payload.utf8.count < room - 40 {
                payload += #",{"id":\#(random.next() % 10_000),"name":"item","ok":true}"#
            }
            payload += "]"
        }
        self.bytes = Array((start + payload + "}").utf8)
        self.name = "\(shape.rawValue) \(byteCount)"
    }
}

/// A small generator with a fixed seed, so that every run measures the same bytes.
struct Random {
    var state: UInt64
    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return self.state >> 33
    }
}

/// Keep the optimiser from seeing where bytes come from or that a result is unused.
@inline(never) @_optimize(none)
func opaque(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer { bytes }
@inline(never) @_optimize(none)
func use(_ result: Int) {}

/// Nanoseconds per call: the best of several rounds, because other work on the machine only adds time.
func measure(milliseconds: Int, _ body: () -> Int) -> Double {
    let clock = ContinuousClock()
    var repetitions = 1
    var best = Double.infinity
    var spent = Duration.zero
    while spent < .milliseconds(milliseconds) || best == .infinity {
        let elapsed = clock.measure {
            for _ in 0..<repetitions { use(body()) }
        }
        spent += elapsed
        let nanoseconds = Double(elapsed.components.attoseconds) / 1e9 + Double(elapsed.components.seconds) * 1e9
        if nanoseconds < 1e6 {
            repetitions *= 2
        } else {
            best = min(best, nanoseconds / Double(repetitions))
        }
    }
    return best
}

func report(_ name: String, byteCount: Int, nanoseconds: Double) {
    let tenths = Int(nanoseconds * 10 + 0.5)
    let hundredths = Int(Double(byteCount) / nanoseconds * 100 + 0.5)
    let rate = "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10)"
    print("\(name) (\(byteCount) bytes): \(tenths / 10).\(tenths % 10) ns, \(rate) GB/s")
}

/// Scans `bytes` once and returns something that depends on the result.
func scanOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
    do {
        return try EnvelopeView.scan(opaque(bytes)).payloadRange?.count ?? 0
    } catch {
        return -1
    }
}

func measureScans(milliseconds: Int) {
    for byteCount in [256, 4096, 1 << 20] {
        for shape in Body.Shape.allCases {
            let body = Body(shape: shape, byteCount: byteCount)
            body.bytes.withUnsafeBytes { bytes in
                guard scanOnce(bytes) > 0 else {
                    print("\(body.name): refused")
                    return
                }
                let time = measure(milliseconds: milliseconds) { scanOnce(bytes) }
                report("scan \(body.name)", byteCount: bytes.count, nanoseconds: time)
            }
        }
    }
}

/// One hop as the sidecar sees it: envelope, reply, size of the output, output.
func measureHop(milliseconds: Int) throws {
    let body = Body(shape: .text, byteCount: 256)
    let reply = Array(
        #"[{"payload":{"text":"Hello"},"route":{"actors":["prep","infer","post"],"current":2},"headers":{"t":"1"}}]"#
            .utf8
    )
    try body.bytes.withUnsafeBytes { bytes in
        try reply.withUnsafeBytes { reply in
            report(
                "scan reply",
                byteCount: reply.count,
                nanoseconds: measure(milliseconds: milliseconds) {
                    do { return try RuntimeReply.scan(opaque(reply)).elementCount } catch { return -1 }
                }
            )
            let view = try EnvelopeView.scan(bytes)
            guard let element = try RuntimeReply.scan(reply).firstElement else { return }
            let time = measure(milliseconds: milliseconds) {
                var sink = CountingSink()
                EnvelopeWriter.write(view, in: opaque(bytes), element: element, in: reply, fanOutIndex: 0, to: &sink)
                return sink.byteCount
            }
            report("count next hop", byteCount: bytes.count, nanoseconds: time)
        }
    }
}

let milliseconds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200
measureScans(milliseconds: milliseconds)
try measureHop(milliseconds: milliseconds)
