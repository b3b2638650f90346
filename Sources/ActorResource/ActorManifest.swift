public import Support

/// What one or more manifest files say: the actors in order, and everything that is wrong with them. Reads text that
/// somebody else has read from disk; knows custom resources, lists of them, and the plain form (`asya.yaml`).
public struct ActorManifest: Sendable {
    /// Where the actors are to run, which decides how bad some findings are.
    public enum Profile: Sendable {
        /// All rules.
        case kubernetes
        /// `asya up`: images and names for label values do not matter, but a handler must be named.
        case local
    }

    /// One actor and where it was written.
    public struct Entry: Equatable, Sendable {
        /// The actor with the schema's defaults.
        public var actor: AsyncActor
        /// The file as the caller named it.
        public var file: String
        /// Line and column of the document.
        public var position: SourcePosition?
        /// Whether it came from the plain form, whose actors need no image.
        public var isPlain: Bool
    }

    /// A document that is valid, but none of ours.
    public struct ForeignDocument: Equatable, Sendable {
        /// `kind` of the document.
        public var kind: String
        /// Where it begins.
        public var position: SourcePosition?
    }

    /// All actors, also those with findings.
    public private(set) var entries: [Entry] = []
    /// What is wrong, in the order of the files.
    public private(set) var findings: [Finding] = []
    /// Documents of other kinds, which are left alone.
    public private(set) var foreignDocuments: [ForeignDocument] = []

    private let profile: Profile

    /// Nothing yet.
    public init(profile: Profile = .kubernetes) {
        self.profile = profile
    }

    /// Whether nothing forbids running the actors.
    public var isValid: Bool { !self.findings.contains { $0.severity == .error } }

    /// Adds the documents of a YAML (or JSON) text. `file` names it in findings. A file that only happens to lie in the
    /// folder of the manifests may hold anything: `ignoresUnknownDocuments`.
    public mutating func add(yaml text: String, file: String, ignoresUnknownDocuments: Bool = false) {
        let (documents, fault) = YAMLReader.read(text, file: file)
        let start = self.findings.count
        defer {
            if ignoresUnknownDocuments { self.findings.removeAll { $0.rule == .unknownDocument } }
        }
        for document in documents { self.add(document, file: file) }
        if let fault {
            self.findings.append(Finding(fault.rule, at: FieldPath(), fault.message, position: fault.position))
        }
        self.findings[start...].sort { ($0.position ?? .nowhere(file)) < ($1.position ?? .nowhere(file)) }
    }

    /// Adds one object that was JSON.
    public mutating func add(json: JSONValue, file: String) {
        self.add(SourceNode(json), file: file)
    }

    private mutating func add(_ document: SourceNode, file: String) {
        // An empty document, e.g. after a closing `---`.
        if document.value == .null { return }
        let kind = document["kind"]?.string
        let version = document["apiVersion"]?.string
        if kind == nil, version == nil, document["actors"] != nil {
            self.addPlain(document, file: file)
        } else if let kind, kind == "List" || kind == AsyncActor.listKind, let items = document["items"]?.elements {
            for item in items { self.add(item, file: file) }
        } else if kind == AsyncActor.kind || version?.hasPrefix("asya.sh/") == true {
            self.addResource(document, file: file)
        } else if let kind, version != nil {
            self.foreignDocuments.append(ForeignDocument(kind: kind, position: document.position))
        } else {
            let message =
                "is no actor: expected apiVersion: \(AsyncActor.apiVersion) with kind: \(AsyncActor.kind), "
                + "or a mapping with actors:"
            self.findings.append(Finding(.unknownDocument, at: FieldPath(), message, position: document.position))
        }
    }

    private mutating func addResource(_ document: SourceNode, file: String) {
        var found: [Finding] = []
        if document["apiVersion"]?.string != AsyncActor.apiVersion {
            let message = "must be \(AsyncActor.apiVersion)"
            found.append(
                Finding(.enumeration, at: "apiVersion", message, position: document.position(of: "apiVersion"))
            )
        }
        if document["kind"]?.string != AsyncActor.kind {
            let message = "must be \(AsyncActor.kind)"
            found.append(Finding(.enumeration, at: "kind", message, position: document.position(of: "kind")))
        }
        found += SchemaCheck.findings(in: document, by: .asyncActor)
        let entry = Entry(
            actor: ActorDecoder.actor(document, defaults: .schema),
            file: file,
            position: document.position,
            isPlain: false
        )
        self.add(entry, found) { (path: $0, position: document.position(of: $0)) }
    }

    private mutating func addPlain(_ document: SourceNode, file: String) {
        let form = PlainForm(document)
        self.findings += form.findings
        for plain in form.actors {
            let path = FieldPath("actors").member(plain.actor.name)
            let entry = Entry(actor: plain.actor, file: file, position: document.position(of: path), isPlain: true)
            self.add(entry, []) { field in
                let written = plain.writtenPath(of: field)
                return (path: written, position: document.position(of: written))
            }
        }
    }

    /// `place` tells how the field is called in the file, and where it stands.
    private mutating func add(
        _ entry: Entry,
        _ schemaFindings: [Finding],
        place: (FieldPath) -> (path: FieldPath, position: SourcePosition?)
    ) {
        let type = ActorValidation.TransportType(rawValue: entry.actor.spec.transport)
        var found = ActorValidation.findings(of: entry.actor, transportType: type)
        found += ManifestAdvice.findings(of: entry.actor, profile: self.profile)
        found = found.filter { self.isReported($0, isPlain: entry.isPlain) }
        if let duplicate = self.duplicateFinding(entry) { found.append(duplicate) }
        // A field whose type or range is wrong needs no second sentence.
        let known = Set(schemaFindings.filter { $0.severity == .error }.map(\.path))
        for finding in found where !known.contains(finding.path) {
            let (path, position) = place(finding.path)
            var placed = finding
            placed.path = path
            placed.position = position
            self.findings.append(placed)
        }
        self.findings += schemaFindings
        self.entries.append(entry)
    }

    /// Actors of one name share a queue, also across namespaces (operator.md OB7).
    private func duplicateFinding(_ entry: Entry) -> Finding? {
        let name = entry.actor.name
        let sharesQueue: (Entry) -> Bool = { other in
            other.actor.name == name
                && (self.profile == .local || other.actor.spec.transport == entry.actor.spec.transport)
        }
        guard !name.isEmpty else { return nil }
        let sameNamespace = self.entries.first { other in
            other.actor.name == name && other.actor.metadata.namespace == entry.actor.metadata.namespace
        }
        guard let other = sameNamespace ?? self.entries.first(where: sharesQueue) else { return nil }
        let place = other.position.map { "\($0)" } ?? other.file
        if sameNamespace != nil || self.profile == .local {
            return Finding(.duplicateActor, at: "metadata.name", "the actor \"\(name)\" is defined already at \(place)")
        }
        let message = "shares its queue with the actor of that name in another namespace at \(place)"
        return Finding(.duplicateActor, at: "metadata.name", message, severity: .warning)
    }

    private func isReported(_ finding: Finding, isPlain: Bool) -> Bool {
        if finding.rule == .containerImage { return !isPlain && self.profile == .kubernetes }
        if finding.rule == .nameLength { return self.profile == .kubernetes }
        // The plain form has a field of its own for the handler, which is required.
        return finding.rule != .handler || !isPlain
    }
}

extension SourcePosition {
    /// Before everything that has a position.
    fileprivate static func nowhere(_ file: String) -> SourcePosition { SourcePosition(file: file, line: 0, column: 0) }
}
