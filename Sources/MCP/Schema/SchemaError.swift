/// Why a schema cannot be used; reported when the tools file is loaded, never to a caller of a tool.
package struct SchemaError: Error, Equatable, CustomStringConvertible {
    /// JSON pointer of the place in the schema; empty for the whole.
    package var pointer: String
    package var reason: String

    package init(pointer: String, reason: String) {
        self.pointer = pointer
        self.reason = reason
    }

    package var description: String { "\(self.pointer.isEmpty ? "schema" : self.pointer): \(self.reason)" }
}

/// Where an instance breaks a schema.
package struct SchemaViolation: Sendable, Equatable, CustomStringConvertible {
    /// JSON pointer of the place in the instance; empty for the whole.
    package var pointer: String
    package var reason: String

    package var description: String { "\(self.pointer.isEmpty ? "(root)" : self.pointer): \(self.reason)" }
}

/// JSON pointers (RFC 6901).
enum JSONPointer {
    static func appending(_ token: String, to pointer: String) -> String {
        pointer + "/" + token.map { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) }.joined()
    }

    static func appending(_ index: Int, to pointer: String) -> String { "\(pointer)/\(index)" }
}
