import Envelope

/// The reply to SendMessageBatch, DeleteMessageBatch or ChangeMessageVisibilityBatch: each entry succeeded or failed
/// for itself.
public enum BatchReply {
    /// Calls `body` once per entry of the reply, with the number given as its id and what is wrong with it. Entries that
    /// the reply does not name have an unknown outcome; the caller counts.
    public static func forEachEntry(
        of bytes: UnsafeRawBufferPointer,
        _ body: (_ id: Int, _ error: SQSError?) -> Void
    ) throws(RequestFailure) {
        for (name, value) in try ReplyBody.members(of: bytes) {
            let isFailure: Bool
            if name.isNamed("Failed", in: bytes) {
                isFailure = true
            } else if name.isNamed("Successful", in: bytes) {
                isFailure = false
            } else {
                continue
            }
            if value.kind == .null { continue }
            guard let entries = value.elements(in: bytes) else { throw .malformedReply("entries are not an array") }
            for entry in entries {
                let (id, error) = try self.read(entry, isFailure: isFailure, in: bytes)
                body(id, error)
            }
        }
    }

    private static func read(
        _ entry: JSONValue,
        isFailure: Bool,
        in bytes: UnsafeRawBufferPointer
    ) throws(RequestFailure) -> (id: Int, error: SQSError?) {
        guard let members = entry.members(in: bytes) else { throw .malformedReply("an entry is not an object") }
        var id: Int64?
        var code = ""
        var message = ""
        var isSenderFault = false
        for (name, value) in members {
            if name.isNamed("Id", in: bytes) {
                id = value.string?.decimal(in: bytes)
            } else if isFailure, name.isNamed("Code", in: bytes) {
                code = value.string?.string(in: bytes) ?? ""
            } else if isFailure, name.isNamed("Message", in: bytes) {
                message = value.string?.string(in: bytes) ?? ""
            } else if isFailure, name.isNamed("SenderFault", in: bytes) {
                isSenderFault = value.kind == .bool(true)
            }
        }
        guard let id, let entryID = Int(exactly: id) else { throw .malformedReply("an entry without its id") }
        guard isFailure else { return (entryID, nil) }
        return (
            entryID,
            ErrorClassification.classifyEntry(code: code, message: message, isSenderFault: isSenderFault)
        )
    }
}
