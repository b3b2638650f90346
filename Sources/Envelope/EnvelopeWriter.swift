/// Writes the envelope of the next hop from the input `I` and a reply element `R` (envelope.md 2.3, 2.4, 6).
///
/// Every value is spliced: the bytes of ids, actors, headers, payload and unknown members are those of the
/// message or of the reply. Of members with equal names only the last one is written.
public enum EnvelopeWriter {
    /// Writes the envelope made from one success element.
    ///
    /// - Parameters:
    ///   - input: the view of the message.
    ///   - inputBytes: the message.
    ///   - element: the reply element; its route says where the envelope goes.
    ///   - replyBytes: the reply.
    ///   - fanOutIndex: position of the element in the reply; from 1 on the envelope is a child.
    ///   - sink: receives the pieces.
    @inlinable
    public static func write<Sink: PieceSink>(
        _ input: EnvelopeView,
        in inputBytes: UnsafeRawBufferPointer,
        element: ReplyElement,
        in replyBytes: UnsafeRawBufferPointer,
        fanOutIndex: Int,
        to sink: inout Sink
    ) {
        sink.constant("{\"id\":")
        self.writeID(of: input, fanOutIndex: fanOutIndex, to: &sink)
        if let parent = fanOutIndex == 0 ? input.parentIDToken : input.idToken {
            sink.constant(",\"parent_id\":")
            sink.input(parent.range)
        }
        sink.constant(",\"route\":")
        self.writeRoute(of: input, in: inputBytes, element: element, in: replyBytes, to: &sink)
        if let headers = element.headersRange {
            if element.hasHeaders {
                sink.constant(",\"headers\":")
                sink.reply(headers)
            }
        } else if let headers = input.headersRange, input.hasHeaders {
            sink.constant(",\"headers\":")
            sink.input(headers)
        }
        sink.constant(",\"payload\":")
        if let payload = element.payloadRange {
            sink.reply(payload)
        } else {
            sink.constant("null")
        }
        let unknownMembers = input.unknownMembers
        if !unknownMembers.isEmpty {
            unknownMembers.forEach(in: inputBytes) { member in
                sink.constant(",")
                sink.input(member)
            }
        }
        sink.constant("}")
    }

    /// Writes the id as a JSON string: the input's own, or from index 1 on `"<input id>-<index>"`
    /// (envelope.md 6). Escapes stay as they are.
    @inlinable
    public static func writeID<Sink: PieceSink>(of input: EnvelopeView, fanOutIndex: Int, to sink: inout Sink) {
        guard let id = input.idToken else {
            sink.constant("\"\"")
            return
        }
        guard fanOutIndex > 0 else {
            sink.input(id.range)
            return
        }
        sink.input(id.range.lowerBound..<(id.range.upperBound - 1))
        self.writeFanOutSuffix(fanOutIndex, to: &sink)
        sink.constant("\"")
    }

    /// Writes `-<index>`.
    @inlinable
    static func writeFanOutSuffix<Sink: PieceSink>(_ index: Int, to sink: inout Sink) {
        // A sign and the 19 digits of the largest Int.
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { buffer in
            var start = buffer.count
            var rest = index
            repeat {
                start -= 1
                buffer[start] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            start -= 1
            buffer[start] = UInt8(ascii: "-")
            sink.bytes(UnsafeRawBufferPointer(rebasing: buffer[start...]))
        }
    }

    /// `R.route` plus what `I.route` has and `R.route` lacks. A missing `current` is 0 and never the input's:
    /// the destination is `R`'s current actor, and the envelope has to name the same one.
    @inlinable
    static func writeRoute<Sink: PieceSink>(
        of input: EnvelopeView,
        in inputBytes: UnsafeRawBufferPointer,
        element: ReplyElement,
        in replyBytes: UnsafeRawBufferPointer,
        to sink: inout Sink
    ) {
        let inputRoute = input.route
        let route = element.route
        sink.constant("{\"actors\":")
        if let actors = route?.actorsRange {
            sink.reply(actors)
        } else if let actors = inputRoute.actorsRange {
            sink.input(actors)
        } else {
            sink.constant("[]")
        }
        sink.constant(",\"current\":")
        if let current = route?.currentRange {
            sink.reply(current)
        } else {
            sink.constant("0")
        }
        if let metadata = route?.metadataRange {
            sink.constant(",\"metadata\":")
            sink.reply(metadata)
        } else if let metadata = inputRoute.metadataRange {
            sink.constant(",\"metadata\":")
            sink.input(metadata)
        }
        let members = route?.unknownMembers
        if let members, !members.isEmpty {
            members.forEach(in: replyBytes) { member in
                sink.constant(",")
                sink.reply(member)
            }
        }
        let inputMembers = inputRoute.unknownMembers
        if !inputMembers.isEmpty {
            inputMembers.forEach(in: inputBytes, except: members, in: replyBytes) { member in
                sink.constant(",")
                sink.input(member)
            }
        }
        sink.constant("}")
    }
}
