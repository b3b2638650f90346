/// The id of a request, echoed as it was written.
package enum MessageID: Sendable, Hashable {
    case string(String)
    /// The text of a number; in the modern era a whole one.
    case number(String)

    package init?(_ tree: JSONTree) {
        switch tree {
        case .string(let value): self = .string(value)
        case .number(let value): self = .number(value.text)
        default: return nil
        }
    }

    package var tree: JSONTree {
        switch self {
        case .string(let value): .string(value)
        case .number(let text): .number(JSONNumber(text: text))
        }
    }

    package var isWhole: Bool {
        switch self {
        case .string: true
        case .number(let text): JSONNumber(text: text).isInteger
        }
    }
}
