internal import Support
internal import Yams

/// A place in a YAML file.
struct YAMLPlace: Equatable {
    var file: String
    var line: Int?

    func error(_ text: String) -> ToolFileError { ToolFileError(text, file: self.file, line: self.line) }
}

/// A YAML value with its place, read strictly.
struct YAMLValue {
    enum Kind {
        case null, scalar, array, object
    }

    let node: Node
    let file: String

    var place: YAMLPlace { YAMLPlace(file: self.file, line: self.node.mark?.line) }

    var kind: Kind {
        switch self.node {
        case .scalar: self.node.null == nil ? .scalar : .null
        case .sequence: .array
        case .mapping: .object
        case .alias: .null
        }
    }

    private func mismatch(_ wanted: String) -> ToolFileError {
        self.place.error("failed to parse YAML: expected \(wanted)")
    }

    /// A string; scalars of other types are read as the text they are written with.
    func text() throws(ToolFileError) -> String {
        guard case .scalar(let scalar) = self.node else { throw self.mismatch("a string") }
        return scalar.string
    }

    func boolean() throws(ToolFileError) -> Bool {
        guard let value = self.node.bool else { throw self.mismatch("true or false") }
        return value
    }

    /// A whole number that the database's column holds.
    func integer() throws(ToolFileError) -> Int {
        guard let value = self.node.int, Int32(exactly: value) != nil else { throw self.mismatch("an integer") }
        return value
    }

    func number() throws(ToolFileError) -> Double {
        guard let value = self.node.float ?? self.node.int.map({ Double($0) }) else { throw self.mismatch("a number") }
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
        guard case .sequence(let sequence) = self.node else { throw self.mismatch("a list as \(name)") }
        return sequence.map { YAMLValue(node: $0, file: self.file) }
    }

    /// Members in the order of the file; a repeated key is an error.
    func members(_ name: String) throws(ToolFileError) -> [(String, YAMLValue)] {
        guard case .mapping(let mapping) = self.node else { throw self.mismatch("a map as \(name)") }
        var seen: Set<String> = []
        var members: [(String, YAMLValue)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else { throw self.mismatch("text as key of \(name)") }
            guard seen.insert(scalar.string).inserted else {
                let place = YAMLPlace(file: self.file, line: key.mark?.line)
                throw place.error("failed to parse YAML: key \(quoted(scalar.string)) is given twice")
            }
            members.append((scalar.string, YAMLValue(node: value, file: self.file)))
        }
        return members
    }

    /// The value as JSON, for defaults, headers and schemas.
    var json: RawJSON {
        var writer = JSONWriter()
        self.write(to: &writer, depth: 0)
        return RawJSON(trusted: writer.bytes)
    }

    private func write(to writer: inout JSONWriter, depth: Int) {
        guard depth < JSONWriter.depthLimit - 1 else { return writer.null() }
        switch self.node {
        case .scalar: self.writeScalar(to: &writer)
        case .sequence(let sequence):
            writer.beginArray()
            for node in sequence { YAMLValue(node: node, file: self.file).write(to: &writer, depth: depth + 1) }
            writer.endArray()
        case .mapping(let mapping):
            writer.beginObject()
            for (key, value) in mapping {
                writer.name(key.scalar?.string ?? "")
                YAMLValue(node: value, file: self.file).write(to: &writer, depth: depth + 1)
            }
            writer.endObject()
        case .alias: writer.null()
        }
    }

    private func writeScalar(to writer: inout JSONWriter) {
        if self.node.null != nil {
            writer.null()
        } else if let value = self.node.bool {
            writer.bool(value)
        } else if let value = self.node.int {
            writer.integer(value)
        } else if let value = self.node.float, value.isFinite {
            writer.number(value)
        } else {
            writer.string(self.node.scalar?.string ?? "")
        }
    }
}

/// A map whose keys are all known: what is left over at the end is an error.
struct YAMLObject {
    private var members: [(String, YAMLValue)]
    private let what: String

    init(_ node: Node, file: String, what: String) throws(ToolFileError) {
        try self.init(YAMLValue(node: node, file: file), what: what)
    }

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
