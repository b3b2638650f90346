/// A JSON Schema (draft 2020-12, gateway.md 19.4), checked once and then applied many times.
///
/// The keywords that assert something and that are known here are enforced; a schema with any other assertion is
/// refused when it is compiled, so that no schema promises what is not checked. Nothing is ever fetched: `$ref` stays
/// inside the document. Regular expressions are not taken: there is none at hand whose time is bounded.
package struct Schema: Sendable {
    /// Bounds of a schema, far above hand-written ones.
    static let nodeLimit = 2_000
    static let depthLimit = 48

    var nodes: [Node] = []
    var root = 0

    /// The keywords of one subschema; subschemas are indices of `nodes`.
    struct Node: Sendable {
        /// `false` as a schema: nothing is valid.
        var isNever = false
        var types: Set<String>?
        var enumeration: [JSONTree]?
        var number = NumberRules()
        var string = CountRules()
        var array = ArrayRules()
        var object = ObjectRules()
        var reference: Int?
        var allOf: [Int] = []
        var anyOf: [Int]?
        var oneOf: [Int]?
        var not: Int?
        var condition: (test: Int, then: Int?, otherwise: Int?)?
    }

    struct NumberRules: Sendable {
        var minimum: Double?
        var maximum: Double?
        var exclusiveMinimum: Double?
        var exclusiveMaximum: Double?
        var multipleOf: Double?
    }

    struct CountRules: Sendable {
        var minimum: Int?
        var maximum: Int?
    }

    struct ArrayRules: Sendable {
        var count = CountRules()
        var prefixItems: [Int] = []
        var items: Int?
        var hasUniqueItems = false
        var contains: (schema: Int, count: CountRules)?
    }

    struct ObjectRules: Sendable {
        var count = CountRules()
        var properties: [String: Int] = [:]
        var additional: Int?
        var names: Int?
        var required: [String] = []
        var dependentRequired: [String: [String]] = [:]
        var dependentSchemas: [String: Int] = [:]
    }

    /// Checks and compiles a schema document.
    package init(_ document: JSONTree) throws(SchemaError) {
        var compiler = SchemaCompiler(document: document)
        self.root = try compiler.compileAll()
        self.nodes = compiler.nodes
    }
}
