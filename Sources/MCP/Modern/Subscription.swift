/// What a `subscriptions/listen` stream will carry (gateway.md 20).
package struct Subscription: Sendable, Equatable {
    /// Most tasks and resources of one stream: each costs a subscription in the store.
    package static let watchLimit = 100
    package static let resourcePrefix = "asya://envelopes/"

    package var toolsListChanged = false
    package var resourceURIs: [String] = []
    package var taskIDs: [String] = []

    /// The part of the client's wish that is honoured.
    package init(params: JSONObject, clientHasTasks: Bool) throws(RPCError) {
        guard let wishes = params["notifications"]?.object else {
            throw RPCError(.invalidParams, "notifications must be an object")
        }
        self.toolsListChanged = try Self.flag("toolsListChanged", of: wishes)
        _ = try Self.flag("promptsListChanged", of: wishes)
        _ = try Self.flag("resourcesListChanged", of: wishes)
        self.resourceURIs = try Self.strings("resourceSubscriptions", of: wishes)
            .filter { Self.envelopeID(ofResource: $0) != nil }
        self.taskIDs = try Self.strings("taskIds", of: wishes)
        guard self.taskIDs.isEmpty || clientHasTasks else {
            throw RPCError.missingCapability(extension: TasksExtension.name)
        }
        guard self.resourceURIs.count + self.taskIDs.count <= Self.watchLimit else {
            throw RPCError(.invalidParams, "at most \(Self.watchLimit) tasks and resources per stream")
        }
    }

    private static func flag(_ name: String, of wishes: JSONObject) throws(RPCError) -> Bool {
        switch wishes[name] {
        case nil, .null?: return false
        case .bool(let flag)?: return flag
        case .some: throw RPCError(.invalidParams, "\(name) must be true or false")
        }
    }

    private static func strings(_ name: String, of wishes: JSONObject) throws(RPCError) -> [String] {
        guard let value = wishes[name], value != .null else { return [] }
        guard let elements = value.elements, elements.allSatisfy({ $0.string != nil }) else {
            throw RPCError(.invalidParams, "\(name) must be an array of strings")
        }
        var known: Set<String> = []
        return elements.compactMap(\.string).filter { known.insert($0).inserted }
    }

    /// The envelope that a resource shows; `nil` for foreign URIs.
    package static func envelopeID(ofResource uri: String) -> String? {
        guard uri.hasPrefix(self.resourcePrefix) else { return nil }
        let id = uri.dropFirst(self.resourcePrefix.count)
        return id.isEmpty || id.contains("/") ? nil : String(id)
    }

    /// The first message of the stream: what is honoured, and nothing else.
    package func acknowledgement(id: MessageID) -> [UInt8] {
        var honoured = JSONObject()
        if self.toolsListChanged { honoured["toolsListChanged"] = true }
        if !self.resourceURIs.isEmpty {
            honoured["resourceSubscriptions"] = .array(self.resourceURIs.map(JSONTree.string))
        }
        if !self.taskIDs.isEmpty { honoured["taskIds"] = .array(self.taskIDs.map(JSONTree.string)) }
        return Self.notification(
            "notifications/subscriptions/acknowledged",
            params: JSONObject([("notifications", .object(honoured))]),
            id: id
        )
    }

    package static func toolsChanged(id: MessageID) -> [UInt8] {
        self.notification("notifications/tools/list_changed", params: JSONObject(), id: id)
    }

    package static func resourceUpdated(_ uri: String, id: MessageID) -> [UInt8] {
        self.notification("notifications/resources/updated", params: JSONObject([("uri", .string(uri))]), id: id)
    }

    /// The result that ends the stream when the server does.
    package static func closing(id: MessageID) -> [UInt8] {
        RPCResponse.result(
            .object(JSONObject([("resultType", "complete"), ("_meta", self.meta(id))])),
            to: id
        )
    }

    private static func notification(_ method: String, params: JSONObject, id: MessageID) -> [UInt8] {
        var params = params
        params["_meta"] = self.meta(id)
        return RPCResponse.notification(method, params: .object(params))
    }

    private static func meta(_ id: MessageID) -> JSONTree {
        .object(JSONObject([(MetaKey.subscriptionID, id.tree)]))
    }
}
