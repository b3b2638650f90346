/// Reads YAML text into `SourceNode`s: several documents, anchors, aliases and merge keys, all within limits, so that a
/// hostile file costs neither memory nor stack. JSON is read too, as a subset. No I/O.
public struct YAMLReader {
    /// Largest text; the API server refuses objects above 1.5 MiB.
    public static let byteLimit = 1 << 20
    /// Deepest nesting; a pod specification needs about 12, and the JSON writer has the same limit.
    public static let depthLimit = 32
    /// Most documents of one text.
    public static let documentLimit = 1000
    /// Most values of one text, those that aliases repeat included ("billion laughs").
    public static let nodeLimit = 100_000

    /// Why a text was not read to its end.
    public struct Fault: Error, Equatable {
        /// `.syntax`, `.limit` or `.duplicateKey`.
        public var rule: ActorRule
        /// What is wrong.
        public var message: String
        /// Where.
        public var position: SourcePosition
    }

    private let file: String
    private let events: YAMLEvents
    private var position: SourcePosition
    private var nodeCount = 0
    /// Levels of the deepest value since the last reset by `node`.
    private var deepest = 0
    /// Anchors of the document being read.
    private var anchors: [String: Anchored] = [:]

    /// What an alias stands for, and how many values and levels it adds.
    private struct Anchored {
        var node: SourceNode
        var nodeCount: Int
        var levelsBelow: Int
    }

    /// All documents of `text`. Those before a fault are handed out along with it.
    public static func read(_ text: String, file: String) -> (documents: [SourceNode], fault: Fault?) {
        var documents: [SourceNode] = []
        let start = SourcePosition(file: file, line: 1, column: 1)
        let bytes = Array(text.utf8)
        guard bytes.count <= self.byteLimit else {
            return ([], Fault(rule: .limit, message: "larger than \(self.byteLimit) bytes", position: start))
        }
        guard let events = YAMLEvents(bytes) else {
            return ([], Fault(rule: .limit, message: "no memory to read it", position: start))
        }
        var reader = YAMLReader(file: file, events: events, position: start)
        do throws(Fault) {
            while let document = try reader.document() {
                guard documents.count < self.documentLimit else {
                    throw reader.fault(.limit, "more than \(self.documentLimit) documents")
                }
                documents.append(document)
            }
            return (documents, nil)
        } catch {
            return (documents, error)
        }
    }

    private init(file: String, events: YAMLEvents, position: SourcePosition) {
        self.file = file
        self.events = events
        self.position = position
    }

    private func fault(_ rule: ActorRule, _ message: String, at position: SourcePosition? = nil) -> Fault {
        Fault(rule: rule, message: message, position: position ?? self.position)
    }

    private mutating func next() throws(Fault) -> YAMLEvent {
        do throws(YAMLEvents.Fault) {
            let (event, line, column) = try self.events.next()
            self.position = SourcePosition(file: self.file, line: line, column: column)
            return event
        } catch {
            let position = SourcePosition(file: self.file, line: error.line, column: error.column)
            throw Fault(rule: error.isLimit ? .limit : .syntax, message: error.message, position: position)
        }
    }

    /// The next document; nil at the end of the text.
    private mutating func document() throws(Fault) -> SourceNode? {
        while true {
            switch try self.next() {
            case .streamEnd: return nil
            case .documentStart:
                self.anchors.removeAll()
                return try self.node(try self.next(), depth: 1)
            case .documentEnd, .alias, .scalar, .sequenceStart, .sequenceEnd, .mappingStart, .mappingEnd: continue
            }
        }
    }

    private mutating func node(_ event: YAMLEvent, depth: Int) throws(Fault) -> SourceNode {
        guard depth <= Self.depthLimit else { throw self.fault(.limit, "nested more than \(Self.depthLimit) levels") }
        try self.count(1)
        let countBefore = self.nodeCount
        let deepestBefore = self.deepest
        self.deepest = depth
        defer { self.deepest = max(self.deepest, deepestBefore) }
        let node: SourceNode
        let anchor: String?
        switch event {
        case .alias(let name): return try self.resolve(name, depth: depth)
        case .scalar(let text, let isPlain, let tag, let scalarAnchor):
            node = try self.scalar(text, isPlain: isPlain, tag: tag)
            anchor = scalarAnchor
        case .sequenceStart(let sequenceAnchor):
            node = try self.sequence(depth: depth)
            anchor = sequenceAnchor
        case .mappingStart(let mappingAnchor):
            node = try self.mapping(depth: depth)
            anchor = mappingAnchor
        case .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw self.fault(.syntax, "a value is missing")
        }
        if let anchor {
            let count = self.nodeCount - countBefore + 1
            self.anchors[anchor] = Anchored(node: node, nodeCount: count, levelsBelow: self.deepest - depth)
        }
        return node
    }

    private mutating func count(_ nodes: Int) throws(Fault) {
        self.nodeCount += nodes
        guard self.nodeCount <= Self.nodeLimit else {
            throw self.fault(.limit, "more than \(Self.nodeLimit) values (aliases repeat theirs)")
        }
    }

    private mutating func resolve(_ name: String, depth: Int) throws(Fault) -> SourceNode {
        guard let target = self.anchors[name] else {
            throw self.fault(.syntax, "alias *\(name) has no anchor &\(name) before it")
        }
        try self.count(target.nodeCount)
        self.deepest = depth + target.levelsBelow
        guard self.deepest <= Self.depthLimit else {
            throw self.fault(.limit, "nested more than \(Self.depthLimit) levels by the alias *\(name)")
        }
        return target.node
    }

    private func scalar(_ text: String, isPlain: Bool, tag: String?) throws(Fault) -> SourceNode {
        guard let tag, tag != "!" else {
            let isUntagged = isPlain && tag == nil
            return SourceNode(
                isUntagged ? YAMLScalar.value(ofPlain: text) : .string(text),
                text: text,
                at: self.position
            )
        }
        guard let value = YAMLScalar.value(of: text, tag: tag) else {
            throw self.fault(.syntax, "the tag \(tag) is not supported for this value")
        }
        return SourceNode(value, text: text, at: self.position)
    }

    private mutating func sequence(depth: Int) throws(Fault) -> SourceNode {
        let start = self.position
        var elements: [SourceNode] = []
        while true {
            let event = try self.next()
            if event == .sequenceEnd { return SourceNode(.sequence(elements), at: start) }
            elements.append(try self.node(event, depth: depth + 1))
        }
    }

    private mutating func mapping(depth: Int) throws(Fault) -> SourceNode {
        let start = self.position
        var members: [SourceNode.Member] = []
        var names: Set<String> = []
        var merged: [SourceNode.Member] = []
        while true {
            let event = try self.next()
            if event == .mappingEnd { break }
            let position = self.position
            let key = try self.node(event, depth: depth + 1)
            guard key.members == nil, key.elements == nil else {
                throw self.fault(.syntax, "a key must be a plain text", at: position)
            }
            let value = try self.node(try self.next(), depth: depth + 1)
            if key.text == "<<" {
                merged += try self.mergedMembers(value, at: position)
                continue
            }
            guard names.insert(key.text).inserted else {
                throw self.fault(.duplicateKey, "the key \"\(key.text)\" stands here twice", at: position)
            }
            members.append(SourceNode.Member(name: key.text, position: position, node: value))
        }
        // What is written here wins; of merged mappings the first.
        for member in merged where names.insert(member.name).inserted { members.append(member) }
        return SourceNode(.mapping(members), at: start)
    }

    private func mergedMembers(
        _ node: SourceNode,
        at position: SourcePosition
    ) throws(Fault) -> [SourceNode.Member] {
        if let members = node.members { return members }
        var all: [SourceNode.Member] = []
        for element in node.elements ?? [] {
            guard let members = element.members else { throw self.fault(.syntax, "<< needs mappings", at: position) }
            all += members
        }
        guard node.elements != nil else { throw self.fault(.syntax, "<< needs a mapping", at: position) }
        return all
    }
}
