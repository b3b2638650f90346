internal import HTTPTypes
public import Hummingbird
internal import Logging
public import NIOCore
internal import Support

/// A request on its way through Hummingbird.
public struct GatewayRequestContext: RequestContext {
    /// See `RequestContext`.
    public var coreContext: CoreRequestContextStorage
    /// The client's address, for rate limits.
    public let remoteAddress: SocketAddress?
    /// The connection, for answers that last.
    let connection: ClientConnection

    /// See `RequestContext`.
    public init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.remoteAddress = source.channel.remoteAddress
        self.connection = ClientConnection(channel: source.channel)
    }
}

/// Which port a request came in on.
public enum Surface: Sendable {
    /// Everything.
    case all
    /// Everything but the sidecars' endpoints, which have a port of their own.
    case clientsOnly
    /// The sidecars' endpoints and those that are open to all.
    case sidecarsOnly

    func offers(_ access: Route.Access) -> Bool {
        switch (self, access) {
        case (.all, _), (_, .open), (_, .clientOrSidecar): true
        case (.clientsOnly, .client), (.sidecarsOnly, .sidecar): true
        case (.clientsOnly, .sidecar), (.sidecarsOnly, .client): false
        }
    }
}

/// The whole treatment of a request, in order: endpoint, CORS, authentication, rate limit, handler, metrics.
public struct GatewayResponder: HTTPResponder {
    /// See `HTTPResponder`.
    public typealias Context = GatewayRequestContext

    private let table: RouteTable
    private let services: GatewayServices
    private let surface: Surface

    /// A responder over these endpoints.
    public init(routes: [Route], services: GatewayServices, surface: Surface = .all) {
        self.table = RouteTable(routes)
        self.services = services
        self.surface = surface
    }

    /// See `HTTPResponder`.
    public func respond(to request: Request, context: GatewayRequestContext) async throws -> Response {
        let started = MonotonicClock.nanoseconds()
        let resolution = self.table.resolve(request.method, path: request.uri.path)
        var routeName = "other"
        if case .found(let route, _, parameters: _) = resolution { routeName = route.path }
        var response = await self.answer(request, resolution, context)
        CrossOrigin.decorate(&response, request, allowed: self.services.settings.allowedOrigins)
        self.services.metrics.requested(
            route: routeName,
            code: response.status.code,
            nanoseconds: MonotonicClock.nanoseconds() - started
        )
        return response
    }

    private func answer(
        _ request: Request,
        _ resolution: RouteTable.Resolution,
        _ context: GatewayRequestContext
    ) async -> Response {
        if let preflight = CrossOrigin.preflight(request, allowed: self.services.settings.allowedOrigins) {
            return preflight
        }
        switch resolution {
        case .found(let route, let handler, let parameters) where self.surface.offers(route.access):
            do {
                let principal = try self.principal(route, request, context)
                let call = RouteCall(
                    parameters: parameters,
                    principal: principal,
                    services: self.services,
                    connection: context.connection
                )
                return try await handler(request, call)
            } catch {
                return self.failure(error, route)
            }
        case .methodNotAllowed(let route):
            let allow = route.methods.map(\.rawValue).joined(separator: ", ")
            return .error(.methodNotAllowed, "Method not allowed", headers: [.allow: allow])
        case .badPath(let text): return .error(.badRequest, text)
        case .found, .notFound: return .error(.notFound, "404 page not found")
        }
    }

    /// Who calls, within the rate that everybody has. A token counts as a client's name only when it is good: whoever
    /// makes tokens up is known by the address.
    private func principal(
        _ route: Route,
        _ request: Request,
        _ context: GatewayRequestContext
    ) throws -> String? {
        let token = request.headers[.authorization]
        do {
            let principal = try self.services.authenticator.authenticate(token, access: route.access)
            try self.checkRate(route, principal == nil ? nil : token, context)
            return principal
        } catch let refusal as RequestRefusal where refusal.status == .unauthorized {
            try self.checkRate(route, nil, context)
            throw refusal
        }
    }

    private func checkRate(_ route: Route, _ token: String?, _ context: GatewayRequestContext) throws {
        guard route.access == .client || route.access == .clientOrSidecar else { return }
        let client = token ?? context.remoteAddress?.ipAddress ?? "unknown"
        guard let seconds = self.services.clientLimiter.secondsToWait(client: client) else { return }
        self.services.metrics.clientLimited()
        throw RequestRefusal(.tooManyRequests, "Too many requests", headers: [.retryAfter: String(seconds)])
    }

    private func failure(_ error: any Error, _ route: Route) -> Response {
        switch error {
        case let refusal as RequestRefusal:
            return .error(refusal.status, refusal.text, headers: refusal.headers)
        case let error as StoreError:
            self.services.logger.error("Store failed", metadata: ["route": "\(route.path)", "error": "\(error)"])
            switch error {
            case .unstorable: return .error(.badRequest, "Value cannot be stored")
            case .unavailable, .closed, .misconfigured:
                return .error(.serviceUnavailable, "Store is unavailable", headers: [.retryAfter: "1"])
            }
        case is CancellationError: return .error(.serviceUnavailable, "Request was cancelled")
        default:
            self.services.logger.error("Request failed", metadata: ["route": "\(route.path)", "error": "\(error)"])
            return .error(.internalServerError, "Internal server error")
        }
    }
}
