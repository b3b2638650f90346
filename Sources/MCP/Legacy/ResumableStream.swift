/// Names a stream of a waiting call so that any replica can continue it (gateway.md 23): the envelope, the request to
/// answer and the progress token are in the event id itself.
package struct ResumableStream: Sendable, Equatable {
    package var envelopeID: String
    package var requestID: MessageID
    package var progressToken: JSONTree?

    package init(envelopeID: String, requestID: MessageID, progressToken: JSONTree?) {
        self.envelopeID = envelopeID
        self.requestID = requestID
        self.progressToken = progressToken
    }

    /// `<stream>:<number of the history row>`.
    package func eventID(sequence: Int64) -> String {
        let document: JSONTree = [
            .string(self.envelopeID), self.requestID.tree, self.progressToken ?? .null,
        ]
        return "\(Base64.encode(document.bytes)):\(sequence)"
    }

    /// Longest id that is looked at.
    private static let byteLimit = 4096

    /// The stream and the last sequence number that a client saw; `nil` for an id we did not make.
    package static func parse(_ eventID: String) -> (stream: ResumableStream, sequence: Int64)? {
        guard eventID.utf8.count <= self.byteLimit, let colon = eventID.lastIndex(of: ":"),
            let sequence = Int64(eventID[eventID.index(after: colon)...]), sequence >= 0,
            let text = Base64.decode(eventID[..<colon].utf8), let document = try? JSONTree(parsing: text),
            let parts = document.elements, parts.count == 3, let envelopeID = parts[0].string,
            let requestID = MessageID(parts[1])
        else {
            return nil  // Whatever is wrong with it: there is nothing to resume.
        }
        let token: JSONTree? = parts[2] == .null ? nil : parts[2]
        return (ResumableStream(envelopeID: envelopeID, requestID: requestID, progressToken: token), sequence)
    }
}
