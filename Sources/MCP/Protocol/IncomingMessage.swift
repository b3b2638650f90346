import Envelope

/// What a client posted, as JSON-RPC (gateway.md 16, 10.1).
package struct IncomingMessage: Sendable {
    package enum Kind: Sendable, Equatable {
        case request(MessageID, method: String)
        case notification(method: String)
        /// An answer to a request of ours; we never make any.
        case response
    }

    package var kind: Kind
    /// Empty when absent.
    package var params: JSONObject
    /// The bytes of `params.arguments` as received: what becomes the payload.
    package var argumentsBytes: [UInt8]?

    package var id: MessageID? {
        if case .request(let id, _) = self.kind { return id }
        return nil
    }

    package var method: String? {
        switch self.kind {
        case .request(_, let method), .notification(let method): method
        case .response: nil
        }
    }

    package var meta: JSONObject { self.params["_meta"]?.object ?? JSONObject() }
}

/// A refused body: the error and as much of the message as could be read.
package struct MessageFault: Error, Sendable, Equatable {
    package var error: RPCError
    package var id: MessageID?

    package init(error: RPCError, id: MessageID? = nil) {
        self.error = error
        self.id = id
    }
}

extension IncomingMessage {
    /// Reads the body of a POST without judging the message: the era decides by which rules that is done.
    package static func document(_ body: [UInt8]) throws(MessageFault) -> JSONTree {
        do throws(JSONTreeError) {
            return try JSONTree(parsing: body)
        } catch {
            switch error {
            case .malformed: throw MessageFault(error: RPCError(.parseError, "request body is not valid json"))
            case .tooLarge(let limit): throw MessageFault(error: RPCError(.invalidRequest, "request is \(limit)"))
            }
        }
    }

    /// Judges the shape of a message.
    package init(_ document: JSONTree, body: [UInt8], era: Era) throws(MessageFault) {
        guard let object = document.object else { throw Self.notAnObject(document, era: era) }
        let id = object["id"].flatMap(MessageID.init)
        func invalid(_ text: String) -> MessageFault { MessageFault(error: RPCError(.invalidRequest, text), id: id) }
        guard object["jsonrpc"] == "2.0" else { throw invalid("Invalid JSON-RPC version") }
        if let idTree = object["id"], id == nil || (era == .modern && id?.isWhole == false) {
            throw invalid("id must be a string or an integer, not \(idTree.typeName)")
        }
        guard let methodTree = object["method"] else {
            guard era == .legacy, object["id"] != nil || object["result"] != nil || object["error"] != nil else {
                throw invalid("method is missing")
            }
            self.kind = .response
            self.params = JSONObject()
            return
        }
        guard let method = methodTree.string else { throw invalid("method must be a string") }
        var params = JSONObject()
        switch object["params"] {
        case nil: break
        case .object(let members)?: params = members
        // Some clients of the first revisions write what they do not have as null.
        case .null? where era == .legacy: break
        case .some(let other): throw invalid("params must be an object, not \(other.typeName)")
        }
        self.kind = id.map { .request($0, method: method) } ?? .notification(method: method)
        self.params = params
        self.argumentsBytes = params["arguments"] == nil ? nil : Self.argumentsBytes(of: body)
    }

    /// The original answers a batch like a text that is no JSON.
    private static func notAnObject(_ document: JSONTree, era: Era) -> MessageFault {
        switch era {
        case .legacy: MessageFault(error: RPCError(.parseError, "request body is not valid json"))
        case .modern:
            MessageFault(error: RPCError(.invalidRequest, "one JSON object per request, not \(document.typeName)"))
        }
    }

    private static func argumentsBytes(of body: [UInt8]) -> [UInt8]? {
        body.withUnsafeBytes { raw in
            guard let top = try? Envelope.JSONValue.scan(raw) else {
                return nil  // Cannot happen: the body was scanned before.
            }
            let params = Self.last("params", of: top, in: raw)
            let arguments = params.flatMap { Self.last("arguments", of: $0, in: raw) }
            return arguments.map { Array(raw[$0.range]) }
        }
    }

    /// Of equal names the last one, as everywhere.
    private static func last(
        _ name: String,
        of value: Envelope.JSONValue,
        in raw: UnsafeRawBufferPointer
    ) -> Envelope.JSONValue? {
        var found: Envelope.JSONValue?
        guard let members = value.members(in: raw) else { return nil }
        for member in members where member.name.equals(name, in: raw) { found = member.value }
        return found
    }
}
