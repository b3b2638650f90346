import CLibYAML

/// Writes YAML in block style, members in their order, with libyaml's own emitter. Texts that would read back as
/// something else are quoted.
public indirect enum YAMLText {
    /// Text.
    case string(String)
    /// A number, a truth value or null, as it is to be written.
    case plain(String)
    /// Values in order; an empty one is `[]`.
    case sequence([YAMLText])
    /// Named values in order; an empty one is `{}`.
    case mapping([(name: String, value: YAMLText)])

    /// The document; nil when libyaml has no memory or a text is not valid in YAML (a lone control character).
    public var document: String? {
        var emitter = yaml_emitter_t()
        guard yaml_emitter_initialize(&emitter) == 1 else { return nil }
        defer { yaml_emitter_delete(&emitter) }
        let output = Output()
        yaml_emitter_set_unicode(&emitter, 1)
        yaml_emitter_set_output(
            &emitter,
            { context, bytes, count in
                guard let context, let bytes else { return 0 }
                let output = Unmanaged<Output>.fromOpaque(context).takeUnretainedValue()
                output.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
                return 1
            },
            Unmanaged.passUnretained(output).toOpaque()
        )
        let isWritten = withExtendedLifetime(output) { self.write(to: &emitter) }
        return isWritten ? String(decoding: output.bytes, as: UTF8.self) : nil
    }

    private final class Output {
        var bytes: [UInt8] = []
    }

    private func write(to emitter: inout yaml_emitter_t) -> Bool {
        Self.emit(&emitter) { yaml_stream_start_event_initialize(&$0, YAML_UTF8_ENCODING) }
            && Self.emit(&emitter) { yaml_document_start_event_initialize(&$0, nil, nil, nil, 1) }
            && self.emit(to: &emitter)
            && Self.emit(&emitter) { yaml_document_end_event_initialize(&$0, 1) }
            && Self.emit(&emitter) { yaml_stream_end_event_initialize(&$0) }
    }

    private func emit(to emitter: inout yaml_emitter_t) -> Bool {
        switch self {
        case .string(let text):
            let isPlain = YAMLScalar.value(ofPlain: text) == .string(text)
            return Self.scalar(text, isPlain ? YAML_ANY_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE, &emitter)
        case .plain(let text):
            return Self.scalar(text, YAML_PLAIN_SCALAR_STYLE, &emitter)
        case .sequence(let elements):
            let style = elements.isEmpty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE
            guard Self.emit(&emitter, { yaml_sequence_start_event_initialize(&$0, nil, nil, 1, style) }) else {
                return false
            }
            for element in elements where !element.emit(to: &emitter) { return false }
            return Self.emit(&emitter) { yaml_sequence_end_event_initialize(&$0) }
        case .mapping(let members):
            let style = members.isEmpty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE
            guard Self.emit(&emitter, { yaml_mapping_start_event_initialize(&$0, nil, nil, 1, style) }) else {
                return false
            }
            for member in members {
                guard YAMLText.string(member.name).emit(to: &emitter), member.value.emit(to: &emitter) else {
                    return false
                }
            }
            return Self.emit(&emitter) { yaml_mapping_end_event_initialize(&$0) }
        }
    }

    private static func scalar(_ text: String, _ style: yaml_scalar_style_t, _ emitter: inout yaml_emitter_t) -> Bool {
        let bytes = Array(text.utf8)
        return self.emit(&emitter) { event in
            bytes.withUnsafeBufferPointer {
                yaml_scalar_event_initialize(&event, nil, nil, $0.baseAddress, Int32($0.count), 1, 1, style)
            }
        }
    }

    /// The emitter takes the event over, also when it fails.
    private static func emit(_ emitter: inout yaml_emitter_t, _ make: (inout yaml_event_t) -> Int32) -> Bool {
        var event = yaml_event_t()
        return make(&event) == 1 && yaml_emitter_emit(&emitter, &event) == 1
    }
}
