/// A pipeline that can be called (`gateway.md` 2).
public struct ToolDefinition: Sendable, Equatable {
    /// Unique name.
    public var name: String
    /// What it does; nil when not given.
    public var description: String?
    /// Its parameters in the order of the file.
    public var parameters: [ToolParameter]
    /// The route, templates resolved.
    public var actors: [String]
    /// Whether the answer of a call offers a stream of updates.
    public var offersProgress: Bool
    /// Seconds until an envelope fails by itself; 0 for never.
    public var timeoutSeconds: Int
    /// Repeated in the answer of every call, in the order of the file.
    public var metadata: [String: String]
    /// Fill in defaults of parameters that were not given.
    public var appliesDefaults: Bool
    /// Hints for MCP clients.
    public var annotations: ToolAnnotations
    /// JSON Schema of the structured result.
    public var outputSchema: RawJSON?
    /// Whether a call answers at once or with the pipeline's result.
    public var response: ResponseMode
    /// Whether calls may be, or must be, MCP tasks.
    public var tasks: TaskMode
    /// Equal calls give one envelope, without a key from the caller.
    public var isIdempotent: Bool
    /// Calls per second; nil for no limit of its own.
    public var rateLimit: RateLimit?
    /// Copied into the envelope's headers.
    public var headers: [String: RawJSON]
    /// The tool that exists without a configuration (`gateway.md` 2.6); its route is an argument.
    public var isBuiltIn: Bool

    /// How a call is answered.
    public enum ResponseMode: String, Sendable, CaseIterable {
        /// At once, with the envelope's id.
        case async
        /// With the pipeline's result.
        case wait
    }

    /// Use of MCP's tasks extension.
    public enum TaskMode: String, Sendable, CaseIterable {
        /// When the client supports them.
        case auto
        /// Never.
        case never
        /// Clients without support are refused.
        case required
    }

    /// A tool with defaults for everything optional.
    public init(name: String, actors: [String] = []) {
        self.name = name
        self.parameters = []
        self.actors = actors
        self.offersProgress = false
        self.timeoutSeconds = Self.defaultTimeoutSeconds
        self.metadata = [:]
        self.appliesDefaults = false
        self.annotations = ToolAnnotations()
        self.response = .async
        self.tasks = .auto
        self.isIdempotent = false
        self.headers = [:]
        self.isBuiltIn = false
    }

    /// `timeout` unless configured.
    public static let defaultTimeoutSeconds = 300
}

/// One parameter of a tool, or a part of a nested one.
public struct ToolParameter: Sendable, Equatable {
    /// Its name; empty for the elements of an array.
    public var name: String
    /// JSON type.
    public var type: ParameterType
    /// What it means.
    public var description: String?
    /// Whether a call must give it.
    public var isRequired: Bool
    /// What counts when it is not given.
    public var defaultValue: RawJSON?
    /// The only values allowed, as text; empty for any.
    public var options: [String]
    /// Members of an object.
    public var properties: [ToolParameter]
    /// Elements of an array; at most one entry.
    public var items: [ToolParameter]
    /// Name of the mirrored HTTP header (`gateway.md` 18.4).
    public var mcpHeader: String?

    /// A parameter with nothing optional.
    public init(name: String, type: ParameterType) {
        self.name = name
        self.type = type
        self.isRequired = false
        self.options = []
        self.properties = []
        self.items = []
    }
}

/// The types a parameter may have.
public enum ParameterType: String, Sendable, CaseIterable {
    /// Text.
    case string
    /// Any number.
    case number
    /// A whole number.
    case integer
    /// True or false.
    case boolean
    /// Named values.
    case object
    /// A list.
    case array
}

/// Hints for MCP clients; the defaults are those of the protocol.
public struct ToolAnnotations: Sendable, Equatable {
    /// A name for people.
    public var title: String?
    /// Changes nothing.
    public var readOnlyHint = false
    /// May destroy something.
    public var destructiveHint = true
    /// Repeats change nothing more.
    public var idempotentHint = false
    /// Talks to the outside.
    public var openWorldHint = true

    /// The protocol's defaults.
    public init() {}
}

/// A token bucket.
public struct RateLimit: Sendable, Equatable {
    /// Tokens per second.
    public var perSecond: Double
    /// Tokens it holds.
    public var burst: Double

    /// A bucket.
    public init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = burst
    }
}
