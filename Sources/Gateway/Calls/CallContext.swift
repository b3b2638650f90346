/// What a call brings along besides tool and arguments.
public struct CallContext: Sendable {
    /// Who calls; nil when authentication is off.
    public var principal: String?
    /// The caller's idempotency key.
    public var idempotencyKey: String?
    /// Trace context and the like, copied into the envelope's headers.
    public var headers: [String: RawJSON]
    /// Check arguments against the whole schema instead of only for required ones.
    public var checksStrictly: Bool
    /// The call's own span, when calls are traced; `CallTracer` makes it.
    var span: CallSpan?

    /// A call of an anonymous caller.
    public init(
        principal: String? = nil,
        idempotencyKey: String? = nil,
        headers: [String: RawJSON] = [:],
        checksStrictly: Bool = false
    ) {
        self.principal = principal
        self.idempotencyKey = idempotencyKey
        self.headers = headers
        self.checksStrictly = checksStrictly
    }
}

/// Why there is no envelope for a call.
public enum CallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// No tool of that name.
    case unknownTool(String)
    /// The tool answers with an error: bad arguments, or the store failed. Shown as `isError: true`.
    case tool(String)
    /// The idempotency key belongs to another call.
    case keyConflict
    /// Too many calls.
    case rateLimited(retryAfterSeconds: Int)

    /// A sentence for the caller.
    public var description: String {
        switch self {
        case .unknownTool(let name): "Tool \(quoted(name)) not found"
        case .tool(let text): text
        case .keyConflict: "Idempotency key was used for another call"
        case .rateLimited(let seconds): "Too many calls, try again in \(seconds) s"
        }
    }
}

/// A call that became an envelope.
public struct CallReceipt: Sendable, Equatable {
    /// The envelope.
    public var envelopeID: String
    /// The tool as it was at that time.
    public var tool: ToolDefinition
    /// A repeated call: the envelope exists since the first.
    public var isRepeated: Bool
}

/// A name in double quotes, as Go's `%q` prints it.
func quoted(_ text: String) -> String {
    var quoted = "\""
    for character in text.unicodeScalars {
        switch character {
        case "\"": quoted += "\\\""
        case "\\": quoted += "\\\\"
        case "\n": quoted += "\\n"
        case "\t": quoted += "\\t"
        case "\r": quoted += "\\r"
        case _ where character.value < 0x20 || character.value == 0x7F:
            let digits = String(character.value, radix: 16)
            quoted += "\\x" + String(repeating: "0", count: 2 - digits.count) + digits
        default: quoted.unicodeScalars.append(character)
        }
    }
    return quoted + "\""
}
