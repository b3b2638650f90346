import CJSONScanner
import Envelope

/// Why bytes are no document for us.
package enum JSONTreeError: Error, Equatable {
    /// Not JSON, or not UTF-8.
    case malformed
    /// JSON, but deeper or with more values than we take.
    case tooLarge(String)
}

extension JSONTree {
    /// What a document may have.
    package struct Limits: Sendable {
        package var depth = 64
        /// Each value costs some 50 bytes of memory beyond its text.
        package var values = 200_000

        package init() {}
    }

    /// Reads a whole document strictly.
    package init(parsing bytes: [UInt8], limits: Limits = Limits()) throws(JSONTreeError) {
        let outcome = bytes.withUnsafeBytes { raw -> Result<JSONTree, JSONTreeError> in
            do throws(JSONFault) {
                let value = try Envelope.JSONValue.scan(raw)
                var builder = TreeBuilder(bytes: raw, limits: limits)
                return builder.build(value)
            } catch {
                return .failure(.malformed)
            }
        }
        self = try outcome.get()
    }

    package init(parsing text: String) throws(JSONTreeError) { try self.init(parsing: Array(text.utf8)) }
}

/// Turns a text that was scanned into a tree, within limits.
private struct TreeBuilder {
    let bytes: UnsafeRawBufferPointer
    let limits: JSONTree.Limits
    private var count = 0

    init(bytes: UnsafeRawBufferPointer, limits: JSONTree.Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    mutating func build(_ value: Envelope.JSONValue) -> Result<JSONTree, JSONTreeError> {
        do throws(JSONTreeError) {
            return .success(try self.tree(value, depth: 0))
        } catch {
            return .failure(error)
        }
    }

    private mutating func tree(_ value: Envelope.JSONValue, depth: Int) throws(JSONTreeError) -> JSONTree {
        self.count += 1
        guard depth <= self.limits.depth else { throw .tooLarge("nested more than \(self.limits.depth) levels deep") }
        guard self.count <= self.limits.values else { throw .tooLarge("more than \(self.limits.values) values") }
        switch value.kind {
        case .null: return .null
        case .bool(let flag): return .bool(flag)
        case .number: return .number(JSONNumber(text: String(decoding: self.bytes[value.range], as: UTF8.self)))
        case .string: return .string(self.text(value.string))
        case .array:
            var elements: [JSONTree] = []
            if let walk = value.elements(in: self.bytes) {
                for element in walk { elements.append(try self.tree(element, depth: depth + 1)) }
            }
            return .array(elements)
        case .object:
            var object = JSONObject()
            if let walk = value.members(in: self.bytes) {
                for member in walk {
                    object[self.text(member.name)] = try self.tree(member.value, depth: depth + 1)
                }
            }
            return .object(object)
        }
    }

    private func text(_ token: StringToken?) -> String {
        guard let token else { return "" }
        var utf8: [UInt8] = []
        token.appendDecoded(in: self.bytes, to: &utf8)
        return String(decoding: utf8, as: UTF8.self)
    }
}
