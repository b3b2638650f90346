internal import MCP

/// The words behind a tool's name as the arguments of a call (cli.md 1.3). Pure but for files, which are read through a
/// closure.
struct ToolArguments {
    /// The tool's input schema; `nil` when it is not known.
    var schema: JSONTree?
    var readFile: (String) throws -> String

    /// The text of the arguments object, or why there is none.
    struct Fault: Error, Equatable {
        /// One line each.
        var lines: [String]
    }

    func json(_ words: [String]) throws -> JSONTree {
        guard let first = words.first else { return .object(JSONObject()) }
        guard first.hasPrefix("--") else { return try Self.object(first) }
        var object = JSONObject()
        for flag in Self.flags(words) { try self.add(flag, to: &object) }
        return .object(object)
    }

    /// A JSON text that must be an object.
    static func object(_ text: String) throws(Fault) -> JSONTree {
        let problem: String
        do throws(JSONTreeError) {
            let tree = try JSONTree(parsing: text)
            if tree.object != nil { return tree }
            problem = "expected an object, got \(tree.typeName)"
        } catch {
            switch error {
            case .malformed: problem = "not JSON"
            case .tooLarge(let limit): problem = limit
            }
        }
        throw Fault(lines: [
            "Invalid JSON arguments: \(problem)", "Use a JSON object in quotes, or flags: --name=value",
            "You provided: \(text)",
        ])
    }

    struct Flag: Equatable {
        var name: String
        var value: String?
        /// `--name:=json`.
        var isRaw = false
    }

    /// `--name=value`, `--name value`, `--name`, `--name:=json`. Words that belong to no flag are ignored, as ever.
    static func flags(_ words: [String]) -> [Flag] {
        var flags: [Flag] = []
        var index = 0
        while index < words.count {
            let word = words[index]
            index += 1
            guard word.hasPrefix("--"), word.count > 2 else { continue }
            let text = word.dropFirst(2)
            if let equals = text.firstIndex(of: "=") {
                let name = text[..<equals]
                let value = String(text[text.index(after: equals)...])
                let isRaw = name.last == ":"
                flags.append(Flag(name: String(isRaw ? name.dropLast() : name), value: value, isRaw: isRaw))
            } else if index < words.count, !words[index].hasPrefix("--") {
                flags.append(Flag(name: String(text), value: words[index]))
                index += 1
            } else {
                flags.append(Flag(name: String(text), value: nil))
            }
        }
        return flags
    }

    private func add(_ flag: Flag, to object: inout JSONObject) throws {
        let schema = self.schema?["properties"]?[flag.name]
        if schema?["type"] == "array", !flag.isRaw, let value = flag.value, !value.hasPrefix("[") {
            let element = try self.value(value, flag.name, type: schema?["items"]?["type"]?.string)
            object[flag.name] = .array((object[flag.name]?.elements ?? []) + [element])
            return
        }
        object[flag.name] = try self.value(of: flag, type: schema?["type"]?.string)
    }

    private func value(of flag: Flag, type: String?) throws -> JSONTree {
        guard let value = flag.value, !value.isEmpty else { return true }
        if flag.isRaw {
            guard let tree = try? JSONTree(parsing: value) else {
                throw Fault(lines: ["Invalid JSON for --\(flag.name): \(value)"])
            }
            return tree
        }
        return try self.value(value, flag.name, type: type)
    }

    private func value(_ given: String, _ name: String, type: String?) throws -> JSONTree {
        let text = given.hasPrefix("@") ? try self.readFile(String(given.dropFirst())) : given
        switch type {
        case nil: return Self.guessed(text)
        case "string"?: return .string(text)
        case .some(let type):
            let lowered = type == "boolean" ? text.lowercased() : text
            guard let tree = try? JSONTree(parsing: lowered), Self.isOf(type, tree) else {
                throw Fault(lines: ["--\(name) must be of type \(type), not \(text)"])
            }
            return tree
        }
    }

    private static func isOf(_ type: String, _ tree: JSONTree) -> Bool {
        tree.typeName == type || (type == "number" && tree.number != nil)
    }

    /// The original's rule for parameters without a declared type.
    static func guessed(_ text: String) -> JSONTree {
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default: break
        }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let isDecimal = digits.contains(".") && Double(text) != nil
        let isInteger = !digits.isEmpty && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if isInteger, let value = Int(text) { return .integer(value) }
        if isDecimal, let value = Double(text), value.isFinite { return .number(JSONNumber(value)) }
        return .string(text)
    }
}
