internal import MCP

/// Arguments of a call against a tool's parameters (`gateway.md` 25.6).
///
/// Two strengths. `/tools/call` keeps the original's rule unless it is told otherwise: a required parameter's key must be
/// there, whatever its value, and nothing else is looked at. MCP, the page and a strict `/tools/call` check against the
/// same input schema that `tools/list` shows; the missing parameter is named first, in the original's words, because
/// clients match them.
enum ArgumentCheck {
    /// The original's rule; the text is part of the contract.
    static func missingParameter(of tool: ToolDefinition, isGiven: (String) -> Bool) -> String? {
        let missing = tool.parameters.first { $0.isRequired && !isGiven($0.name) }
        return missing.map { "missing required parameter: \($0.name)" }
    }

    /// Everything the schema says; nil when the arguments are fine.
    static func problem(with arguments: JSONTree?, of tool: MCPTools.Tool) -> String? {
        // It takes its own arguments and has texts of its own (gateway.md 2.6).
        guard !tool.definition.isBuiltIn else { return nil }
        let given = arguments ?? .null
        if let members = given == .null ? JSONObject() : given.object,
            let problem = self.missingParameter(of: tool.definition, isGiven: { members[$0] != nil })
        {
            return problem
        }
        return ArgumentValidation.problem(arguments, tool: tool.interface)
    }

    /// The same for arguments that nobody has read yet.
    static func problem(with arguments: RawJSON?, of tool: MCPTools.Tool) -> String? {
        guard let arguments else { return self.problem(with: JSONTree?.none, of: tool) }
        do throws(JSONTreeError) {
            return self.problem(with: try JSONTree(parsing: arguments.bytes), of: tool)
        } catch {
            return "invalid arguments: \(error)"
        }
    }
}
