import Support

/// An envelope as a task (gateway.md 22): the task's id is the envelope's.
package struct TaskDocument: Sendable {
    package enum Status: Sendable, Equatable {
        case working
        case ended(EnvelopeOutcome.Ending)
    }

    package var id: String
    package var status: Status
    package var message: String?
    package var createdAtMilliseconds: Int64
    package var updatedAtMilliseconds: Int64
    /// How long a task is kept; `nil` for ever.
    package var ttlMilliseconds: Int?

    package init(
        id: String,
        status: Status,
        message: String?,
        createdAtMilliseconds: Int64,
        updatedAtMilliseconds: Int64,
        ttlMilliseconds: Int?
    ) {
        self.id = id
        self.status = status
        self.message = message
        self.createdAtMilliseconds = createdAtMilliseconds
        self.updatedAtMilliseconds = updatedAtMilliseconds
        self.ttlMilliseconds = ttlMilliseconds
    }

    /// How often a client should ask.
    package static let pollIntervalMilliseconds = 1000

    /// An actor's failure is a completed call whose result is an error; `failed` is for the machinery.
    package var statusName: String {
        switch self.status {
        case .working: "working"
        case .ended(.succeeded), .ended(.failed): "completed"
        case .ended(.faulted): "failed"
        case .ended(.cancelled): "cancelled"
        }
    }

    /// The members that every form of a task has.
    private var members: [(String, JSONTree)] {
        var members: [(String, JSONTree)] = [("taskId", .string(self.id)), ("status", .string(self.statusName))]
        if let message = self.message, !message.isEmpty { members.append(("statusMessage", .string(message))) }
        members.append(("createdAt", .string(Timestamp.text(epochMilliseconds: self.createdAtMilliseconds))))
        members.append(("lastUpdatedAt", .string(Timestamp.text(epochMilliseconds: self.updatedAtMilliseconds))))
        members.append(("ttlMs", self.ttlMilliseconds.map(JSONTree.integer) ?? .null))
        members.append(("pollIntervalMs", .integer(Self.pollIntervalMilliseconds)))
        return members
    }

    /// The answer to a call that became a task.
    package var created: JSONTree { .object(JSONObject([("resultType", "task")] + self.members)) }

    /// The answer to `tasks/get`; `result` is the encoded `CallToolResult` of a completed task.
    package func answer(result: [UInt8]?) -> [UInt8] {
        self.encoded(JSONObject([("resultType", "complete")] + self.members), result: result)
    }

    /// The parameters of `notifications/tasks`.
    package func notificationParams(subscriptionID: MessageID, result: [UInt8]?) -> [UInt8] {
        let meta: JSONTree = .object(JSONObject([(MetaKey.subscriptionID, subscriptionID.tree)]))
        return self.encoded(JSONObject(self.members + [("_meta", meta)]), result: result)
    }

    private func encoded(_ object: JSONObject, result: [UInt8]?) -> [UInt8] {
        var object = object
        if case .ended(.faulted(let text)) = self.status {
            object["error"] = RPCError(.internalError, text).tree
        }
        var output = JSONTree.object(object).bytes
        if self.statusName == "completed", let result {
            output.removeLast()
            output.append(contentsOf: #","result":"#.utf8)
            output.append(contentsOf: result)
            output.append(UInt8(ascii: "}"))
        }
        return output
    }
}
