/// What to do with a `tools/call`, decided before anything is created (gateway.md 19.5, 22, 25.7).
package enum CallPlan: Sendable, Equatable {
    /// Create the envelope, answer with its id.
    case answerAtOnce
    /// Create the envelope, answer with the pipeline's result.
    case wait
    /// Create the envelope, answer with a task.
    case task

    /// - Parameters:
    ///   - requested: `_meta["asya.sh/response"]` of the call.
    ///   - clientHasTasks: whether the request declares the tasks extension; never in the legacy era.
    package static func decide(
        tool: ToolInterface,
        requested: JSONTree?,
        clientHasTasks: Bool
    ) throws(RPCError) -> CallPlan {
        var mode: AnswerMode?
        if let requested {
            mode = requested.string.flatMap(AnswerMode.init)
            guard mode != nil else {
                throw RPCError(.invalidParams, "\(MetaKey.response) must be \"async\" or \"wait\"")
            }
        }
        switch (tool.tasks, clientHasTasks) {
        case (.required, false): throw RPCError.missingCapability(extension: TasksExtension.name)
        case (.required, true): return .task
        // A caller that says how it wants its answer gets it so.
        case (.auto, true) where mode == nil: return .task
        case (.auto, _), (.never, _): return (mode ?? tool.answer) == .wait ? .wait : .answerAtOnce
        }
    }
}

/// Checks the arguments of a call (gateway.md 25.6).
package enum ArgumentValidation {
    /// A text that a model can act on; `nil` when the arguments are fine.
    package static func problem(_ arguments: JSONTree?, tool: ToolInterface) -> String? {
        let instance: JSONTree
        switch arguments {
        case nil, .null?: instance = .object(JSONObject())
        case .object?: instance = arguments ?? .null
        case .some(let other): return "invalid arguments: expected an object, got \(other.typeName)"
        }
        let violations = tool.input.violations(in: instance)
        guard !violations.isEmpty else { return nil }
        return "invalid arguments: " + violations.map(\.description).joined(separator: "; ")
    }
}
