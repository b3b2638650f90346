/// Arguments of a call against a tool's parameters (`gateway.md` 25.6).
///
/// Two strengths: `/tools/call` keeps the original's rule (a required parameter's key must be there, nothing else), MCP
/// checks types, enums, required members and nesting.
public enum ArgumentCheck {
    /// What is wrong with the arguments, for the caller.
    public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        /// JSON pointer of the value at fault; empty for the arguments as a whole.
        public var pointer: String
        /// A sentence that a model can act on.
        public var reason: String
        /// As the answer of a call shows it.
        public var description: String {
            self.pointer.isEmpty ? self.reason : "\(self.reason) (at \(self.pointer))"
        }
    }

    /// The original's rule; the text is part of the contract.
    public static func requiredOnly(_ arguments: JSONElement?, _ tool: ToolDefinition) throws(Fault) {
        for parameter in tool.parameters where parameter.isRequired && arguments?[parameter.name] == nil {
            throw Fault(pointer: "", reason: "missing required parameter: \(parameter.name)")
        }
    }

    /// Everything the schema says.
    public static func full(_ arguments: JSONElement?, _ tool: ToolDefinition) throws(Fault) {
        try self.requiredOnly(arguments, tool)
        guard let arguments, !arguments.isNull else { return }
        try self.members(of: arguments, tool.parameters, pointer: "")
    }

    private static func members(
        of object: JSONElement,
        _ parameters: [ToolParameter],
        pointer: String
    ) throws(Fault) {
        for parameter in parameters {
            let place = pointer + "/" + self.escaped(parameter.name)
            guard let value = object[parameter.name] else {
                guard !parameter.isRequired else {
                    throw Fault(pointer: place, reason: "missing required parameter: \(parameter.name)")
                }
                continue
            }
            try self.value(value, parameter, pointer: place)
        }
    }

    private static func value(_ value: JSONElement, _ parameter: ToolParameter, pointer: String) throws(Fault) {
        guard self.matches(value, parameter.type) else {
            let kind =
                parameter.type == .integer && value.kind == .number ? "number with a fraction" : value.kind.rawValue
            throw Fault(pointer: pointer, reason: "expected \(parameter.type.rawValue), got \(kind)")
        }
        if !parameter.options.isEmpty, !self.isOption(value, of: parameter) {
            let allowed = parameter.options.joined(separator: ", ")
            throw Fault(pointer: pointer, reason: "value is not one of: \(allowed)")
        }
        switch parameter.type {
        case .object: try self.members(of: value, parameter.properties, pointer: pointer)
        case .array:
            guard let item = parameter.items.first else { return }
            for (index, element) in (value.elements ?? []).enumerated() {
                try self.value(element, item, pointer: "\(pointer)/\(index)")
            }
        case .string, .number, .integer, .boolean: return
        }
    }

    private static func matches(_ value: JSONElement, _ type: ParameterType) -> Bool {
        switch type {
        case .string: value.kind == .string
        case .number: value.kind == .number
        case .integer: value.kind == .number && value.isWhole
        case .boolean: value.kind == .boolean
        case .object: value.kind == .object
        case .array: value.kind == .array
        }
    }

    private static func isOption(_ value: JSONElement, of parameter: ToolParameter) -> Bool {
        switch value.kind {
        case .string: parameter.options.contains(value.string ?? "")
        case .number: parameter.options.contains { Double($0) == value.number && value.number != nil }
        case .boolean: parameter.options.contains(value.boolean == true ? "true" : "false")
        case .null, .array, .object: true
        }
    }

    /// RFC 6901.
    private static func escaped(_ name: String) -> String {
        var text = ""
        for character in name {
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.append(character)
            }
        }
        return text
    }
}

extension JSONElement {
    /// A number without a fractional part, however large.
    var isWhole: Bool {
        guard let number = self.number else { return false }
        return number.rounded(.towardZero) == number
    }
}
