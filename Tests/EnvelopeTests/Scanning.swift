import Envelope

/// Lends bytes at the exact end of an allocation, so that the address sanitizer sees a read behind them.
func withExactBytes<Result>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(copy))
}

func withExactBytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExactBytes(Array(text.utf8), body)
}

/// What a scan gave, as text, so that expectations are readable.
struct Scanned {
    let view: EnvelopeView
    let error: EnvelopeError?
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let (view, error) = withExactBytes(bytes) { bytes -> (EnvelopeView, EnvelopeError?) in
            do throws(EnvelopeError) {
                return (try EnvelopeView.scan(bytes), nil)
            } catch {
                return (error.salvage, error)
            }
        }
        self.view = view
        self.error = error
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    func text(_ range: Range<Int>?) -> String? {
        range.map { String(decoding: self.bytes[$0], as: UTF8.self) }
    }

    func string(_ token: StringToken?) -> String? {
        token.map { token in withExactBytes(self.bytes) { token.string(in: $0) } }
    }
}

/// The envelope made from one element of a reply, or `nil` when message or reply is refused.
func nextHop(_ message: String, _ reply: String, element index: Int = 0) -> String? {
    withExactBytes(message) { message in
        withExactBytes(reply) { reply in
            guard let view = try? EnvelopeView.scan(message), let elements = try? RuntimeReply.scan(reply) else {
                return nil
            }
            for (position, element) in elements.elements(in: reply).enumerated() where position == index {
                var counter = CountingSink()
                EnvelopeWriter.write(
                    view,
                    in: message,
                    element: element,
                    in: reply,
                    fanOutIndex: index,
                    to: &counter
                )
                var sink = ContiguousSink(input: message, reply: reply, reserving: counter.byteCount)
                EnvelopeWriter.write(view, in: message, element: element, in: reply, fanOutIndex: index, to: &sink)
                guard sink.output.count == counter.byteCount else { return "the counted size is wrong" }
                return String(decoding: sink.output, as: UTF8.self)
            }
            return nil
        }
    }
}

/// The error envelope for a message; `problem` `nil` takes the scan's own error.
func errorEnvelope(
    for message: [UInt8],
    problem: ErrorEnvelope.Problem? = nil,
    reply: String = "",
    omitsPayload: Bool = false
) -> String {
    let scanned = Scanned(message)
    let problem = problem ?? scanned.error.map(ErrorEnvelope.Problem.unparseable) ?? .missingID
    let envelope = ErrorEnvelope(
        input: scanned.view,
        problem: problem,
        failedActor: "infer",
        omitsPayload: omitsPayload
    )
    return withExactBytes(message) { message in
        withExactBytes(reply) { reply in
            var counter = CountingSink()
            envelope.write(in: message, to: &counter)
            var sink = ContiguousSink(input: message, reply: reply)
            envelope.write(in: message, to: &sink)
            guard sink.output.count == counter.byteCount else { return "the counted size is wrong" }
            return String(decoding: sink.output, as: UTF8.self)
        }
    }
}
