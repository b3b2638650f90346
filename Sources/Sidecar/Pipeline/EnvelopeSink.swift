import Envelope

/// Lets the envelope writers fill a piece list: ranges of the message and of the reply become references to their
/// slabs when they are large, copies when they are small.
struct EnvelopeSink: PieceSink {
    let list: PieceList
    let inputSlice: ByteSlice
    let replySlice: ByteSlice?

    mutating func constant(_ text: StaticString) {
        self.list.append(text)
    }

    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        self.list.append(copying: bytes)
    }

    mutating func input(_ range: Range<Int>) {
        self.list.append(self.inputSlice.part(range))
    }

    mutating func reply(_ range: Range<Int>) {
        guard let reply = self.replySlice else { preconditionFailure("a piece of a reply needs the reply") }
        self.list.append(reply.part(range))
    }
}
