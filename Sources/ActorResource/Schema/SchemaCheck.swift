/// Compares a document with a schema and collects everything that does not fit, as the API server would on creation.
struct SchemaCheck {
    /// More findings of one document help nobody.
    static let findingLimit = 200

    /// What becomes of fields that the schema does not know.
    enum UnknownFields {
        /// kubectl refuses them, the API server drops them.
        case droppedByKubernetes
        /// Nobody else reads the document.
        case refused
    }

    private let root: SourceNode
    private let unknownFields: UnknownFields
    private(set) var findings: [Finding] = []

    /// What is wrong with `root[path]`. Paths begin at `root`.
    static func findings(
        in root: SourceNode,
        at path: FieldPath = FieldPath(),
        by schema: FieldSchema,
        unknownFields: UnknownFields = .droppedByKubernetes
    ) -> [Finding] {
        guard let node = root[path] else { return [] }
        var check = SchemaCheck(root: root, unknownFields: unknownFields)
        check.visit(node, schema, path)
        return Array(check.findings.prefix(self.findingLimit))
    }

    private init(root: SourceNode, unknownFields: UnknownFields) {
        self.root = root
        self.unknownFields = unknownFields
    }

    private mutating func add(
        _ rule: ActorRule,
        _ path: FieldPath,
        _ message: String,
        severity: Finding.Severity = .error
    ) {
        let position = self.root.position(of: path)
        self.findings.append(Finding(rule, at: path, message, severity: severity, position: position))
    }

    private mutating func addType(_ path: FieldPath, _ expected: String, _ node: SourceNode) {
        var message = "must be \(expected), not \(node.kindText)"
        let isScalar = node.bool != nil || node.isNumber
        if expected == "a string", isScalar { message += "; put it in quotes: \"\(node.text)\"" }
        if expected == "an integer", let text = node.string, Int(text) != nil { message += "; remove the quotes" }
        self.add(.type, path, message)
    }

    private mutating func visit(_ node: SourceNode, _ schema: FieldSchema, _ path: FieldPath) {
        switch schema {
        case .any: break
        case .text(let minLength, let allowed): self.visitText(node, minLength, allowed, path)
        case .integer(let minimum, let rule): self.visitInteger(node, minimum, rule, path)
        case .boolean:
            if node.bool == nil { self.addType(path, "true or false", node) }
        case .quantity: self.visitQuantity(node, path)
        case .scalar:
            if node.members != nil || node.elements != nil { self.addType(path, "a single value", node) }
        case .seconds: self.visitSeconds(node, path)
        case .list(let element):
            guard let elements = node.elements else { return self.addType(path, "a list", node) }
            for (index, child) in elements.enumerated() { self.visit(child, element, path.element(index)) }
        case .map(let value):
            guard let members = node.members else { return self.addType(path, "a mapping", node) }
            for member in members { self.visit(member.node, value, path.member(member.name)) }
        case .object(let fields, let required, let isOpen):
            guard let members = node.members else { return self.addType(path, "a mapping", node) }
            for name in required where node[name] == nil { self.add(.required, path.member(name), "is required") }
            for member in members { self.visitMember(member, of: fields, isOpen: isOpen, path.member(member.name)) }
        }
    }

    private mutating func visitMember(
        _ member: SourceNode.Member,
        of fields: [String: FieldSchema],
        isOpen: Bool,
        _ path: FieldPath
    ) {
        if let schema = fields[member.name] {
            // The API server drops a null member before it checks and fills in defaults.
            if member.node.value != .null { self.visit(member.node, schema, path) }
        } else if !isOpen {
            let similar = SpellingCheck.nearest(to: member.name, among: fields.keys)
            let hint = similar.map { "; did you mean \"\($0)\"?" } ?? ""
            switch self.unknownFields {
            case .droppedByKubernetes:
                let text = "unknown field: kubectl refuses it, the API server drops it"
                self.add(.unknownField, path, text + hint, severity: .warning)
            case .refused:
                let known = " (known: \(fields.keys.sorted().joined(separator: ", ")))"
                self.add(.unknownField, path, "unknown field" + (similar == nil ? known : hint))
            }
        }
    }

    private mutating func visitText(_ node: SourceNode, _ minLength: Int, _ allowed: [String], _ path: FieldPath) {
        guard let text = node.string else { return self.addType(path, "a string", node) }
        if text.unicodeScalars.count < minLength {
            self.add(.required, path, "must not be empty")
        } else if !allowed.isEmpty, !allowed.contains(text) {
            self.add(.enumeration, path, "must be one of \(allowed.joined(separator: ", ")), not \"\(text)\"")
        }
    }

    private mutating func visitInteger(_ node: SourceNode, _ minimum: Int?, _ rule: ActorRule, _ path: FieldPath) {
        guard let value = node.integer else { return self.addType(path, "an integer", node) }
        if let minimum, value < minimum {
            self.add(rule, path, "must be at least \(minimum), not \(value)")
        } else if Int32(exactly: value) == nil {
            self.add(.format, path, "must fit into 32 bits, not \(value)")
        }
    }

    private mutating func visitQuantity(_ node: SourceNode, _ path: FieldPath) {
        switch node.value {
        case .number: break
        case .string(let text):
            if ResourceQuantity(text) == nil {
                self.add(.format, path, "is no quantity: \"\(text)\"; write for instance 500m, 2, 64Mi or 1Gi")
            }
        case .null, .bool, .sequence, .mapping: self.addType(path, "a quantity such as 500m or 64Mi", node)
        }
    }

    private mutating func visitSeconds(_ node: SourceNode, _ path: FieldPath) {
        if PlainForm.seconds(node) == nil {
            self.add(.type, path, "must be whole seconds (90) or a duration (90s, 5m), not \(node.kindText)")
        }
    }
}
