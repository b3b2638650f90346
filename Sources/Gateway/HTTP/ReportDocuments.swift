/// The bodies of sidecars' requests. As in the original, a member of a wrong type makes the body invalid, `null` counts
/// as absent and unknown members are ignored.
extension ProgressReport {
    init?(parsing body: [UInt8]) {
        guard let root = JSONDocument(body)?.root, root.kind == .object || root.isNull else { return nil }
        var fields = FieldReader(root)
        self.init(
            actors: fields.strings("actors") ?? [],
            currentActorIndex: fields.integer("current_actor_idx") ?? 0,
            phase: fields.string("status").flatMap(ActorPhase.init),
            message: fields.string("message") ?? ""
        )
        _ = fields.number("duration_ms")
        _ = fields.number("message_size_kb")
        guard fields.isValid else { return nil }
    }
}

extension FinalReport {
    init?(_ root: JSONElement, hasSucceeded: Bool) {
        var fields = FieldReader(root)
        self.init(hasSucceeded: hasSucceeded)
        self.result = fields.json("result")
        self.error = fields.string("error").flatMap { $0.isEmpty ? nil : $0 }
        self.errorDetails = fields.json("error_details")
        self.actors = fields.strings("actors")
        self.currentActorIndex = fields.integer("current_actor_idx")
        self.currentActorName = fields.string("current_actor_name")
        self.resultURI = root["metadata"]?["s3_uri"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        guard fields.isValid else { return nil }
    }
}

/// The body of POST /envelopes.
struct ChildRegistration: Equatable {
    var id: String
    var parentID: String?
    var actors: [String]
    var current: Int

    init?(parsing body: [UInt8]) {
        guard let root = JSONDocument(body)?.root, root.kind == .object || root.isNull else { return nil }
        var fields = FieldReader(root)
        self.id = fields.string("id") ?? ""
        self.parentID = fields.string("parent_id").flatMap { $0.isEmpty ? nil : $0 }
        self.actors = fields.strings("actors") ?? []
        self.current = fields.integer("current") ?? 0
        // PostgreSQL cannot store a zero byte; with another in its place it would be another envelope's id.
        guard fields.isValid, !self.id.utf8.contains(0) else { return nil }
    }
}

/// Reads members of known types and remembers whether one had another.
private struct FieldReader {
    private let root: JSONElement
    private(set) var isValid = true

    init(_ root: JSONElement) {
        self.root = root
    }

    mutating func string(_ name: String) -> String? { self.read(name) { $0.string } }
    mutating func number(_ name: String) -> Double? { self.read(name) { $0.number } }

    /// A whole number in the range of the database's column.
    mutating func integer(_ name: String) -> Int? {
        self.read(name) { $0.integer.flatMap { Int32(exactly: $0) }.map { Int($0) } }
    }

    mutating func strings(_ name: String) -> [String]? {
        self.read(name) { element in
            guard let elements = element.elements else { return nil }
            let texts = elements.compactMap(\.string)
            return texts.count == elements.count ? texts : nil
        }
    }

    func json(_ name: String) -> RawJSON? {
        guard let element = self.root[name], !element.isNull else { return nil }
        return element.raw
    }

    private mutating func read<Value>(_ name: String, _ convert: (JSONElement) -> Value?) -> Value? {
        guard let element = self.root[name], !element.isNull else { return nil }
        guard let value = convert(element) else {
            self.isValid = false
            return nil
        }
        return value
    }
}
