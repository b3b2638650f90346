extension Schema {
    /// The places where `instance` breaks the schema, at most `limit` of them; none when it is valid.
    package func violations(in instance: JSONTree, limit: Int = 8) -> [SchemaViolation] {
        var check = SchemaCheck(nodes: self.nodes)
        var found: [SchemaViolation] = []
        check.check(instance, against: self.root, at: "", into: &found)
        if check.isExhausted { found = [SchemaViolation(pointer: "", reason: "too much work to check")] }
        return Array(found.prefix(limit))
    }
}

/// One run over an instance, with a budget so that no combination of schema and instance takes long.
private struct SchemaCheck {
    private static let stepLimit = 2_000_000
    private static let nestingLimit = 400

    let nodes: [Schema.Node]
    private var steps = 0
    private var nesting = 0
    private(set) var isExhausted = false

    init(nodes: [Schema.Node]) { self.nodes = nodes }

    mutating func check(
        _ instance: JSONTree,
        against index: Int,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) {
        self.steps += 1
        self.nesting += 1
        defer { self.nesting -= 1 }
        if self.steps > Self.stepLimit || self.nesting > Self.nestingLimit { self.isExhausted = true }
        guard !self.isExhausted else { return }
        let node = self.nodes[index]
        if node.isNever {
            found.append(SchemaViolation(pointer: pointer, reason: "is not allowed"))
            return
        }
        guard self.checkType(instance, node, at: pointer, into: &found) else { return }
        switch instance {
        case .number(let number): self.checkNumber(number, node.number, at: pointer, into: &found)
        case .string(let string):
            self.checkCount(string.unicodeScalars.count, node.string, "character", at: pointer, into: &found)
        case .array(let elements): self.checkArray(elements, node.array, at: pointer, into: &found)
        case .object(let object): self.checkObject(object, instance, node.object, at: pointer, into: &found)
        case .null, .bool: break
        }
        self.checkApplicators(instance, node, at: pointer, into: &found)
    }

    private mutating func isValid(_ instance: JSONTree, _ index: Int) -> Bool {
        var found: [SchemaViolation] = []
        self.check(instance, against: index, at: "", into: &found)
        return found.isEmpty && !self.isExhausted
    }

    /// Returns whether further checks make sense.
    private mutating func checkType(
        _ instance: JSONTree,
        _ node: Schema.Node,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) -> Bool {
        if let types = node.types {
            let name = instance.typeName
            guard types.contains(name) || (name == "integer" && types.contains("number")) else {
                let expected = types.sorted().joined(separator: " or ")
                found.append(SchemaViolation(pointer: pointer, reason: "expected \(expected), got \(name)"))
                return false
            }
        }
        if let enumeration = node.enumeration, !enumeration.contains(instance) {
            let shown = enumeration.prefix(20).map(\.text).joined(separator: ", ")
            let more = enumeration.count > 20 ? ", …" : ""
            found.append(SchemaViolation(pointer: pointer, reason: "must be one of \(shown)\(more)"))
        }
        return true
    }

    private func checkNumber(
        _ number: JSONNumber,
        _ rules: Schema.NumberRules,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) {
        let value = number.double
        func report(_ reason: String) { found.append(SchemaViolation(pointer: pointer, reason: reason)) }
        if let limit = rules.minimum, value < limit { report("must be at least \(JSONNumber(limit).text)") }
        if let limit = rules.maximum, value > limit { report("must be at most \(JSONNumber(limit).text)") }
        if let limit = rules.exclusiveMinimum, value <= limit { report("must be above \(JSONNumber(limit).text)") }
        if let limit = rules.exclusiveMaximum, value >= limit { report("must be below \(JSONNumber(limit).text)") }
        if let divisor = rules.multipleOf {
            let quotient = value / divisor
            if !quotient.isFinite || abs(quotient - quotient.rounded()) > 1e-9 * max(1, abs(quotient)) {
                report("must be a multiple of \(JSONNumber(divisor).text)")
            }
        }
    }

    private func checkCount(
        _ count: Int,
        _ rules: Schema.CountRules,
        _ unit: String,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) {
        if let limit = rules.minimum, count < limit {
            found.append(SchemaViolation(pointer: pointer, reason: "needs at least \(limit) \(unit)(s), has \(count)"))
        }
        if let limit = rules.maximum, count > limit {
            found.append(SchemaViolation(pointer: pointer, reason: "may have \(limit) \(unit)(s), has \(count)"))
        }
    }

    private mutating func checkArray(
        _ elements: [JSONTree],
        _ rules: Schema.ArrayRules,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) {
        self.checkCount(elements.count, rules.count, "item", at: pointer, into: &found)
        for (index, element) in elements.enumerated() {
            let place = JSONPointer.appending(index, to: pointer)
            if index < rules.prefixItems.count {
                self.check(element, against: rules.prefixItems[index], at: place, into: &found)
            } else if let items = rules.items {
                self.check(element, against: items, at: place, into: &found)
            }
        }
        if rules.hasUniqueItems, self.hasRepeats(elements) {
            found.append(SchemaViolation(pointer: pointer, reason: "has repeated items"))
        }
        if let contains = rules.contains {
            var count = 0
            for element in elements where self.isValid(element, contains.schema) { count += 1 }
            self.checkCount(count, contains.count, "matching item", at: pointer, into: &found)
        }
    }

    /// Pairwise, since values of any type must be compared; the pairs count as steps.
    private mutating func hasRepeats(_ elements: [JSONTree]) -> Bool {
        for index in elements.indices {
            self.steps += index
            guard self.steps <= Self.stepLimit else {
                self.isExhausted = true
                return false
            }
            if elements[..<index].contains(elements[index]) { return true }
        }
        return false
    }

    private mutating func checkObject(
        _ object: JSONObject,
        _ instance: JSONTree,
        _ rules: Schema.ObjectRules,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) {
        self.checkCount(object.count, rules.count, "member", at: pointer, into: &found)
        for name in rules.required where object[name] == nil {
            let place = JSONPointer.appending(name, to: pointer)
            found.append(SchemaViolation(pointer: place, reason: "is required"))
        }
        for (name, value) in object.members {
            let place = JSONPointer.appending(name, to: pointer)
            if let names = rules.names { self.check(.string(name), against: names, at: place, into: &found) }
            if let property = rules.properties[name] {
                self.check(value, against: property, at: place, into: &found)
            } else if let additional = rules.additional {
                self.check(value, against: additional, at: place, into: &found)
            }
            for other in rules.dependentRequired[name] ?? [] where object[other] == nil {
                let missing = JSONPointer.appending(other, to: pointer)
                found.append(SchemaViolation(pointer: missing, reason: "is required together with \(name)"))
            }
            if let dependent = rules.dependentSchemas[name] {
                self.check(instance, against: dependent, at: pointer, into: &found)
            }
        }
    }

    private mutating func checkApplicators(
        _ instance: JSONTree,
        _ node: Schema.Node,
        at pointer: String,
        into found: inout [SchemaViolation]
    ) {
        if let reference = node.reference { self.check(instance, against: reference, at: pointer, into: &found) }
        for index in node.allOf { self.check(instance, against: index, at: pointer, into: &found) }
        if let choices = node.anyOf, !self.matchesAny(instance, choices) {
            found.append(SchemaViolation(pointer: pointer, reason: "matches none of the allowed forms"))
        }
        if let choices = node.oneOf {
            var count = 0
            for index in choices where self.isValid(instance, index) { count += 1 }
            if count != 1 {
                found.append(SchemaViolation(pointer: pointer, reason: "must match exactly one form, matches \(count)"))
            }
        }
        if let not = node.not, self.isValid(instance, not) {
            found.append(SchemaViolation(pointer: pointer, reason: "has a form that is not allowed"))
        }
        if let condition = node.condition {
            let branch = self.isValid(instance, condition.test) ? condition.then : condition.otherwise
            if let branch { self.check(instance, against: branch, at: pointer, into: &found) }
        }
    }

    private mutating func matchesAny(_ instance: JSONTree, _ choices: [Int]) -> Bool {
        for index in choices where self.isValid(instance, index) { return true }
        return false
    }
}
