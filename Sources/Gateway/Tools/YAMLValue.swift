internal import ActorResource
internal import Support

/// A place in a YAML file.
struct YAMLPlace: Equatable {
    var file: String?
    var line: Int?

    init(_ position: SourcePosition?) {
        self.file = position?.file
        self.line = position?.line
    }

    func error(_ text: String) -> ToolFileError { ToolFileError(text, file: self.file, line: self.line) }
}

/// A YAML value with its place, read strictly.
struct YAMLValue {
    enum Kind {
        case null, scalar, array, object
    }

    let node: SourceNode

    var place: YAMLPlace { YAMLPlace(self.node.position) }

    var kind: Kind {
        switch self.node.value {
        case .null: .null
        case .bool, .number, .string: .scalar
        case .sequence: .array
        case .mapping: .object
        }
    }

    private func mismatch(_ wanted: String) -> ToolFileError {
        self.place.error("failed to parse YAML: expected \(wanted)")
    }

    /// A string; scalars of other types are read as the text they are written with.
    func text() throws(ToolFileError) -> String {
        guard self.node.elements == nil, self.node.members == nil else { throw self.mismatch("a string") }
        return self.node.text
    }

    func boolean() throws(ToolFileError) -> Bool {
        guard let value = self.node.bool else { throw self.mismatch("true or false") }
        return value
    }

    /// A whole number that the database's column holds.
    func integer() throws(ToolFileError) -> Int {
        guard let value = self.node.integer, Int32(exactly: value) != nil else { throw self.mismatch("an integer") }
        return value
    }

    func number() throws(ToolFileError) -> Double {
        guard case .number(let value) = self.node.value else { throw self.mismatch("a number") }
        return value
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(ToolFileError) -> Choice where Choice.RawValue == String {
        let text = try self.text()
        guard let choice = Choice(rawValue: text) else {
            let allowed = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw self.place.error("failed to parse YAML: \(name) is not one of \(allowed)")
        }
        return choice
    }

    func elements(_ name: String) throws(ToolFileError) -> [YAMLValue] {
        guard let elements = self.node.elements else { throw self.mismatch("a list as \(name)") }
        return elements.map { YAMLValue(node: $0) }
    }

    /// Members in the order of the file; their names are unique.
    func members(_ name: String) throws(ToolFileError) -> [(String, YAMLValue)] {
        guard let members = self.node.members else { throw self.mismatch("a map as \(name)") }
        return members.map { ($0.name, YAMLValue(node: $0.node)) }
    }

    /// The value as JSON, for defaults, headers and schemas.
    var json: RawJSON {
        var writer = JSONWriter()
        Self.write(self.node, to: &writer)
        return RawJSON(trusted: writer.bytes)
    }

    /// The reader's limit of nesting is the writer's.
    private static func write(_ node: SourceNode, to writer: inout JSONWriter) {
        switch node.value {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .number(let value): self.write(value, writtenAs: node.text, to: &writer)
        case .string(let value): writer.string(value)
        case .sequence(let elements):
            writer.beginArray()
            for element in elements { self.write(element, to: &writer) }
            writer.endArray()
        case .mapping(let members):
            writer.beginObject()
            for member in members {
                writer.name(member.name)
                self.write(member.node, to: &writer)
            }
            writer.endObject()
        }
    }

    private static func write(_ value: Double, writtenAs text: String, to writer: inout JSONWriter) {
        // From 2^53 on a Double cannot tell neighbours apart, but the text can.
        if value.magnitude >= 0x1p53, let whole = Int(text) {
            writer.integer(whole)
        } else if let whole = Int(exactly: value) {
            writer.integer(whole)
        } else {
            writer.number(value)
        }
    }
}

/// A map whose keys are all known: what is left over at the end is an error.
struct YAMLObject {
    private var members: [(String, YAMLValue)]
    private let what: String

    init(_ value: YAMLValue, what: String) throws(ToolFileError) {
        self.members = try value.members(what)
        self.what = what
    }

    /// Removes and returns a member.
    mutating func take(_ name: String) -> YAMLValue? {
        guard let index = self.members.firstIndex(where: { $0.0 == name }) else { return nil }
        return self.members.remove(at: index).1
    }

    /// Throws when a member was not taken.
    func finish() throws(ToolFileError) {
        guard let (name, value) = self.members.first else { return }
        throw value.place.error("failed to parse YAML: unknown key \(quoted(name)) in \(self.what)")
    }
}
