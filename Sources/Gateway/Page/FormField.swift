internal import MCP
import Support

/// From a submitted form to the arguments of a call. Pure.
enum FormField {
    enum Kind: Equatable {
        case text
        case number(isWhole: Bool)
        case choice([String])
        /// An array of scalars, one per line.
        case lines
        case json
        /// An object with known members, each with a field of its own.
        case group
    }

    static func kind(_ parameter: ToolParameter) -> Kind {
        if !parameter.options.isEmpty { return .choice(parameter.options) }
        switch parameter.type {
        case .string: return .text
        case .number: return .number(isWhole: false)
        case .integer: return .number(isWhole: true)
        case .boolean: return .choice(["true", "false"])
        case .object: return parameter.properties.isEmpty ? .json : .group
        case .array:
            switch parameter.items.first?.type {
            case .string?, .number?, .integer?: return .lines
            case .boolean?, .object?, .array?, nil: return .json
            }
        }
    }

    /// Why a value cannot be an argument.
    struct Fault: Error, Equatable {
        var field: String
        var reason: String
        var description: String { "\(self.field): \(self.reason)" }
    }

    /// The arguments; fields left empty are not given, unless they are required texts.
    static func arguments(_ parameters: [ToolParameter], values: [String: String]) throws(Fault) -> RawJSON {
        let object = try self.object(parameters, path: "", values)
        return RawJSON(trusted: JSONTree.object(object).bytes)
    }

    private static func object(
        _ parameters: [ToolParameter],
        path: String,
        _ values: [String: String]
    ) throws(Fault) -> JSONObject {
        var object = JSONObject()
        for parameter in parameters {
            let name = path.isEmpty ? parameter.name : "\(path)/\(parameter.name)"
            if case .group = self.kind(parameter) {
                let inner = try self.object(parameter.properties, path: name, values)
                if !inner.isEmpty || parameter.isRequired { object[parameter.name] = .object(inner) }
                continue
            }
            guard let value = values[name], !value.isEmpty || (parameter.isRequired && parameter.type == .string)
            else { continue }
            object[parameter.name] = try self.value(value, parameter, name)
        }
        return object
    }

    private static func value(
        _ text: String,
        _ parameter: ToolParameter,
        _ name: String
    ) throws(Fault) -> JSONTree {
        switch self.kind(parameter) {
        case .text, .group: return .string(text)
        case .choice: return parameter.type == .string ? .string(text) : try self.scalar(text, parameter.type, name)
        case .number: return try self.scalar(text, parameter.type, name)
        case .lines:
            let type = parameter.items.first?.type ?? .string
            var elements: [JSONTree] = []
            for line in text.split(whereSeparator: \.isNewline) {
                elements.append(try self.scalar(String(line), type, name))
            }
            return .array(elements)
        case .json:
            do throws(JSONTreeError) {
                return try JSONTree(parsing: text)
            } catch {
                throw Fault(field: name, reason: "is not JSON")
            }
        }
    }

    private static func scalar(_ text: String, _ type: ParameterType, _ name: String) throws(Fault) -> JSONTree {
        guard type != .string else { return .string(text) }
        let tree = try? JSONTree(parsing: text)
        switch (type, tree) {
        case (.number, .number?), (.integer, .number?), (.boolean, .bool?): return tree ?? .null
        default: throw Fault(field: name, reason: "is not a \(type.rawValue)")
        }
    }
}

/// Bodies of type `application/x-www-form-urlencoded`.
enum FormBody {
    /// The last value of each field; `nil` when an escape is broken. Browsers write line breaks as CR LF.
    static func parse(_ bytes: [UInt8]) -> [String: String]? {
        var values: [String: String] = [:]
        for pair in String(decoding: bytes, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = self.decoded(parts[0]), let value = self.decoded(parts.count == 2 ? parts[1] : "") else {
                return nil
            }
            values[name] = value
        }
        return values
    }

    private static func decoded(_ text: Substring) -> String? {
        let plain = text.replacing("+", with: " ")
        return URLText.unescaped(plain[...])?.replacing("\r\n", with: "\n")
    }
}
