internal import HTTPTypes
internal import Hummingbird
public import Logging
internal import MCP
internal import NIOCore

/// `/mcp`: decides the era of a request, lets the pure rules of module `MCP` judge it and performs what they say
/// (`gateway.md` 10 and part B). Holds no state of clients beyond the answers that are open.
public final class MCPEndpoint: Sendable {
    let service: EnvelopeService
    let tools: MCPTools
    let configuration: MCPConfiguration
    let server: ServerDescription
    let logger: Logger
    let openCalls = OpenCalls()
    let openStreams = OpenStreams()
    private let origins: OriginRule

    /// An endpoint over the service that REST uses too.
    public init(
        service: EnvelopeService,
        configuration: MCPConfiguration,
        logger: Logger
    ) {
        self.service = service
        self.tools = service.tools
        self.configuration = configuration
        self.server = ServerDescription(
            buildVersion: configuration.buildVersion,
            cacheScope: configuration.isAuthenticated ? "private" : "public"
        )
        self.logger = logger
        self.origins = OriginRule(allowed: configuration.allowedOrigins)
    }

    /// Ends every open stream; calls that wait end with the update feed.
    public func shutdown() { self.openStreams.close() }

    /// Answers any request to the endpoint.
    ///
    /// - Parameter principal: who calls, when authentication is on.
    func respond(to request: Request, principal: String?, connection: ClientConnection) async throws -> Response {
        let headers = HeaderFields(request.headers)
        guard self.origins.accepts(headers.first("Origin")) else {
            return Response.error(.forbidden, "Origin is not allowed")
        }
        let body = try await request.bodyBytes(upTo: self.configuration.bodyLimit)
        let caller = MCPCaller(request: request, headers: headers, principal: principal, connection: connection)
        switch request.method {
        case .post: return await self.post(body, caller)
        case .get where !caller.namesModernVersion: return try await self.openLegacyStream(caller)
        case .delete where !caller.namesModernVersion: return try await self.endSession(caller)
        case .get, .delete:
            return Response(status: .methodNotAllowed, headers: [.allow: "POST", .contentLength: "0"])
        default: return Response.error(.notFound, "404 page not found")
        }
    }

    private func post(_ body: [UInt8], _ caller: MCPCaller) async -> Response {
        guard caller.hasJSONBody else {
            return Response.error(.badRequest, "Invalid content type: must be 'application/json'")
        }
        var era = Era(versionHeader: caller.versionHeader, message: nil)
        do throws(MessageFault) {
            let document = try IncomingMessage.document(body)
            era = Era(versionHeader: caller.versionHeader, message: document)
            switch era {
            case .modern: return await self.serveModern(document, body: body, caller)
            case .legacy: return await self.serveLegacy(try self.legacyMessage(document, body: body, caller), caller)
            }
        } catch {
            return MCPAnswer.failure(error.error, to: error.id, era: era)
        }
    }

    /// The original takes a batch for broken JSON; clients that name a version are told what it is.
    private func legacyMessage(
        _ document: JSONTree,
        body: [UInt8],
        _ caller: MCPCaller
    ) throws(MessageFault) -> IncomingMessage {
        if document.elements != nil, caller.versionHeader != nil {
            throw MessageFault(error: RPCError(.invalidRequest, "batches are not supported"))
        }
        return try IncomingMessage(document, body: body, era: .legacy)
    }
}

/// One HTTP request and who sent it.
struct MCPCaller: Sendable {
    var request: Request
    var headers: HeaderFields
    var principal: String?
    var connection: ClientConnection

    var versionHeader: String? { self.headers.first(HeaderName.protocolVersion) }
    var media: AcceptedMedia { AcceptedMedia(self.headers.first("Accept")) }

    var namesModernVersion: Bool { Era(versionHeader: self.versionHeader, message: nil) == .modern }

    /// `application/json`, with or without parameters.
    var hasJSONBody: Bool {
        let field = self.headers.only("Content-Type") ?? ""
        let type = field.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        return type.lowercased() == "application/json"
    }

    /// Whether this caller may see an envelope; callers see their own when authentication is on.
    func maySee(_ record: EnvelopeRecord) -> Bool { record.state.isVisible(to: self.principal) }
}
