public import HTTPTypes
public import Hummingbird

/// One endpoint of the gateway.
public struct Route: Sendable {
    /// Who may use an endpoint once authentication is on.
    public enum Access: Sendable {
        /// Everybody: probes and documents.
        case open
        /// Callers of tools.
        case client
        /// Sidecars and actors.
        case sidecar
        /// Either of them.
        case clientOrSidecar
    }

    /// What an endpoint does.
    public typealias Handler = @Sendable (Request, RouteCall) async throws -> Response

    /// Path with `{name}` for one segment, such as `/envelopes/{id}/stream`. Also its name in metrics.
    public let path: String
    /// Who may use it.
    public let access: Access
    /// Handlers by method; nil as key answers every method.
    let handlers: [HTTPRequest.Method?: Handler]
    /// Answer to other methods.
    let otherMethods: OtherMethods
    let segments: [Substring]

    /// How a method is refused that the endpoint does not have.
    public enum OtherMethods: Sendable {
        /// 405 with `Method not allowed`.
        case notAllowed
        /// As if there were no such path.
        case notFound
    }

    /// An endpoint.
    public init(
        _ path: String,
        access: Access,
        otherMethods: OtherMethods = .notAllowed,
        _ handlers: [HTTPRequest.Method?: Handler]
    ) {
        self.path = path
        self.access = access
        self.otherMethods = otherMethods
        self.handlers = handlers
        self.segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { $0 }
    }

    var methods: [HTTPRequest.Method] { self.handlers.keys.compactMap { $0 }.sorted { $0.rawValue < $1.rawValue } }

    func handler(for method: HTTPRequest.Method) -> Handler? { self.handlers[method] ?? self.handlers[nil] }
}

/// What a handler knows besides the request.
public struct RouteCall: Sendable {
    /// Values of the path's `{…}` segments, percent escapes resolved, in order.
    public let parameters: [String]
    /// The authenticated caller; nil when authentication is off.
    public let principal: String?
    /// Everything the gateway consists of.
    public let services: GatewayServices
    /// Where the request came in.
    let connection: ClientConnection

    /// The first `{…}` segment.
    public var id: String { self.parameters.first ?? "" }
}
