import Support

/// Fields of a newer Kubernetes in a pod spec (crd.md B1): a plain update drops them, server-side apply refuses the
/// whole object and names them. They are then left out, and an event says so.
enum UnknownField {
    /// One round removes all that are named; more rounds than this would not come to an end.
    static let roundLimit = 5
    private static let marker = ": field not declared in schema"

    /// The paths that an error of the API server names, relative to `spec`.
    static func paths(in message: String) -> [String] {
        var paths: [String] = []
        for line in message.split(separator: "\n") {
            guard let end = line.firstRange(of: self.marker) else { continue }
            guard let start = line[..<end.lowerBound].firstRange(of: ".spec.") else { continue }
            paths.append(String(line[start.upperBound..<end.lowerBound]))
        }
        return paths
    }

    /// `value` without the member at `path`: `template.spec.containers[name="a"].future`.
    static func removing(_ path: String, from value: JSONValue) -> JSONValue {
        self.removing(self.steps(path)[...], from: value)
    }

    private enum Step {
        case member(String)
        case index(Int)
        case element([String: String])
    }

    private static func removing(_ steps: ArraySlice<Step>, from value: JSONValue) -> JSONValue {
        guard let step = steps.first else { return value }
        let rest = steps.dropFirst()
        switch (step, value) {
        case (.member(let name), .object(var members)):
            members[name] = rest.isEmpty ? nil : members[name].map { self.removing(rest, from: $0) }
            return .object(members)
        case (.index(let index), .array(var elements)) where elements.indices.contains(index) && !rest.isEmpty:
            elements[index] = self.removing(rest, from: elements[index])
            return .array(elements)
        case (.element(let keys), .array(let elements)) where !rest.isEmpty:
            return .array(
                elements.map { element in
                    let isMeant = keys.allSatisfy { name, text in
                        element[name]?.string == text || element[name]?.integer.map(String.init) == text
                    }
                    return isMeant ? self.removing(rest, from: element) : element
                }
            )
        default: return value
        }
    }

    private static func steps(_ path: String) -> [Step] {
        var steps: [Step] = []
        for part in self.parts(path) {
            let name = part.prefix { $0 != "[" }
            if !name.isEmpty { steps.append(.member(String(name))) }
            for bracket in part.dropFirst(name.count).split(separator: "[") {
                let content = bracket.hasSuffix("]") ? bracket.dropLast() : bracket
                if let index = Int(content) {
                    steps.append(.index(index))
                    continue
                }
                var keys: [String: String] = [:]
                for pair in content.split(separator: ",") {
                    let sides = pair.split(separator: "=", maxSplits: 1)
                    if sides.count == 2 { keys[String(sides[0])] = sides[1].filter { $0 != "\"" } }
                }
                steps.append(.element(keys))
            }
        }
        return steps
    }

    /// Cut at dots outside of brackets: names in brackets may hold dots.
    private static func parts(_ path: String) -> [String] {
        var parts = [""]
        var depth = 0
        for character in path {
            if character == "[" { depth += 1 }
            if character == "]" { depth -= 1 }
            if character == ".", depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        return parts
    }
}
