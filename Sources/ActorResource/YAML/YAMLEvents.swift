import CLibYAML

/// What libyaml reports, copied out of its memory.
enum YAMLEvent: Equatable {
    case streamEnd
    case documentStart
    case documentEnd
    case alias(String)
    case scalar(text: String, isPlain: Bool, tag: String?, anchor: String?)
    case sequenceStart(anchor: String?)
    case sequenceEnd
    case mappingStart(anchor: String?)
    case mappingEnd
}

/// The stream of events of one text. Owns libyaml's parser, whose address must not change, and copies everything it
/// hands out; confined to the call that reads the text.
final class YAMLEvents {
    /// A text that libyaml refuses.
    struct Fault: Error {
        var message: String
        /// Whether it is one of libyaml's own limits that was reached; newer versions have one for nesting.
        var isLimit = false
        /// From 1.
        var line: Int
        /// From 1.
        var column: Int
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    /// Nil when there is no memory for the parser.
    init?(_ bytes: [UInt8]) {
        // libyaml keeps the pointer to the input until the parser is deleted.
        self.input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        _ = self.input.initialize(from: bytes)
        self.parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard yaml_parser_initialize(self.parser) == 1 else {
            self.parser.deallocate()
            self.input.deallocate()
            return nil
        }
        yaml_parser_set_input_string(self.parser, UnsafePointer(self.input.baseAddress), bytes.count)
        yaml_parser_set_encoding(self.parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(self.parser)
        self.parser.deallocate()
        self.input.deallocate()
    }

    /// The next event and where it begins; line and column from 1.
    func next() throws(Fault) -> (event: YAMLEvent, line: Int, column: Int) {
        while true {
            var raw = yaml_event_t()
            guard yaml_parser_parse(self.parser, &raw) == 1 else { throw self.fault() }
            defer { yaml_event_delete(&raw) }
            guard let event = Self.copy(raw) else { continue }
            return (event, Int(raw.start_mark.line) + 1, Int(raw.start_mark.column) + 1)
        }
    }

    private func fault() -> Fault {
        let state = self.parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "not readable as YAML"
        let context = state.context.map { " (\(String(cString: $0)))" } ?? ""
        let mark = state.problem_mark
        guard state.error != YAML_READER_ERROR else {
            // Faults of the decoder come with an offset instead of a mark.
            let read = self.input.prefix(min(state.problem_offset, self.input.count))
            let lines = read.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let last = lines.last.map { String(decoding: $0, as: UTF8.self) } ?? ""
            return Fault(message: problem + context, line: lines.count, column: last.unicodeScalars.count + 1)
        }
        return Fault(
            message: problem + context,
            isLimit: problem.contains("nesting"),
            line: Int(mark.line) + 1,
            column: Int(mark.column) + 1
        )
    }

    /// Nil for events that carry nothing of interest.
    private static func copy(_ raw: yaml_event_t) -> YAMLEvent? {
        switch raw.type {
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_ALIAS_EVENT: return .alias(self.text(raw.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT: return .sequenceStart(anchor: self.text(raw.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT: return .mappingStart(anchor: self.text(raw.data.mapping_start.anchor))
        case YAML_SCALAR_EVENT:
            let scalar = raw.data.scalar
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return .scalar(
                text: String(decoding: bytes, as: UTF8.self),
                isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE,
                tag: self.text(scalar.tag),
                anchor: self.text(scalar.anchor)
            )
        default: return nil
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }
}
