internal import HTTPTypes
internal import Hummingbird

/// The page for people: everything is rendered here and works without script; forms are answered with a redirect.
enum PageRoutes {
    static let all = [
        Route("/", access: .open, [.get: { try await envelopes($0, $1) }]),
        Route("/ui", access: .open, [.get: { try await envelopes($0, $1) }]),
        Route("/ui/envelopes/{id}", access: .open, [.get: { try await envelope($0, $1) }]),
        Route("/ui/envelopes/{id}/stream", access: .open, [.get: { try await stream($0, $1) }]),
        Route("/ui/envelopes/{id}/cancel", access: .open, [.post: { try await cancel($0, $1) }]),
        Route("/ui/envelopes/{id}/resend", access: .open, [.post: { try await resend($0, $1) }]),
        Route("/ui/tools", access: .open, [.get: { try await tools($0, $1) }]),
        Route(
            "/ui/tools/{name}",
            access: .open,
            [.get: { try await toolForm($0, $1) }, .post: { try await callTool($0, $1) }]
        ),
        Route("/ui/login", access: .open, [.get: { login($0, $1) }, .post: { try await signIn($0, $1) }]),
        Route("/ui/logout", access: .open, [.post: { try signOut($0, $1) }]),
        Route("/ui/page.css", access: .open, [.get: { _, _ in asset(PageAssets.style, "text/css") }]),
        Route("/ui/page.js", access: .open, [.get: { _, _ in asset(PageAssets.script, "text/javascript") }]),
    ]

    /// Forms are small; arguments beyond this go over the API.
    private static let formByteLimit = 1 << 20

    // MARK: Pages

    private static func envelopes(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            var query = try EnvelopeQuery(request.uri.queryParameters)
            query.principal = call.principal
            let (records, next) = try await call.services.service.list(query)
            let page = EnvelopeListPage(
                records: records,
                next: next,
                query: query,
                tools: call.services.service.catalog.current.tools.map(\.name),
                now: .now(),
                hasLogin: call.principal != nil
            )
            return self.page(page.html)
        }
    }

    /// Updates that a page reads: more is history that nobody scrolls through.
    private static let updatesLimit = 1000
    private static let childrenLimit = 100

    private static func envelope(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            let record = try await EnvelopeRoutes.visible(call)
            var children = EnvelopeQuery(limit: self.childrenLimit)
            children.parentID = call.id
            let page = EnvelopePage(
                record: record,
                updates: try await call.services.store.updates(of: call.id, after: 0, limit: self.updatesLimit),
                children: try await call.services.service.list(children).records,
                now: .now(),
                hasLogin: call.principal != nil
            )
            return self.page(page.html)
        }
    }

    private static func stream(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in try await UpdateStream.open(request, call) }
    }

    private static func tools(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            self.page(ToolPages.list(call.services.service.catalog.current.tools, hasLogin: call.principal != nil))
        }
    }

    private static func toolForm(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            self.page(ToolPages.form(try self.tool(call), hasLogin: call.principal != nil))
        }
    }

    private static func tool(_ call: RouteCall) throws -> ToolDefinition {
        guard let tool = call.services.service.catalog.current[call.id] else {
            throw RequestRefusal(.notFound, "Tool \(quoted(call.id)) not found")
        }
        return tool
    }

    // MARK: Forms

    private static func callTool(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            let tool = try self.tool(call)
            let values = try await self.form(request, call)
            let problem: String
            do {
                let arguments = try FormField.arguments(tool.parameters, values: values)
                var context = CallContext(
                    principal: call.principal,
                    headers: TraceHeaders.of(request.headers),
                    checksStrictly: true
                )
                call.services.service.tracer?.begin(&context, tool: tool.name, route: "/ui/tools/{name}")
                defer { context.span?.end() }
                let receipt = try await call.services.service.call(tool.name, arguments: arguments, context: context)
                return self.redirect(to: PageLayout.envelopePath(receipt.envelopeID))
            } catch let fault as FormField.Fault {
                problem = fault.description
            } catch let error as CallError {
                problem = error.description
            }
            let hasLogin = call.principal != nil
            return self.page(
                ToolPages.form(tool, values: values, problem: problem, hasLogin: hasLogin),
                status: .unprocessableContent
            )
        }
    }

    private static func cancel(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            _ = try await self.form(request, call)
            _ = try await EnvelopeRoutes.visible(call)
            // One that ended meanwhile stays as it is; the page shows that.
            _ = try await call.services.service.cancel(call.id)
            return self.redirect(to: PageLayout.envelopePath(call.id))
        }
    }

    private static func resend(_ request: Request, _ call: RouteCall) async throws -> Response {
        try await self.signedIn(request, call) { call in
            _ = try await self.form(request, call)
            _ = try await EnvelopeRoutes.visible(call)
            let context = CallContext(principal: call.principal)
            guard let id = try await call.services.service.resend(call.id, context: context) else {
                throw RequestRefusal(.notFound, "Envelope not found")
            }
            return self.redirect(to: PageLayout.envelopePath(id))
        }
    }

    private static func form(_ request: Request, _ call: RouteCall) async throws -> [String: String] {
        guard PageSession.isOwnForm(request, settings: call.services.settings) else {
            throw RequestRefusal(
                .forbidden,
                "Forms are accepted from pages of this gateway only: add its origin to the allowed origins"
            )
        }
        guard let values = FormBody.parse(try await request.bodyBytes(upTo: self.formByteLimit)) else {
            throw RequestRefusal(.badRequest, "Invalid form")
        }
        return values
    }

    // MARK: Session

    /// Runs `body` as the user of the browser, or asks for a token.
    private static func signedIn(
        _ request: Request,
        _ call: RouteCall,
        _ body: (RouteCall) async throws -> Response
    ) async throws -> Response {
        let principal: String?
        do {
            let field = PageSession.authorization(of: request)
            principal = try call.services.authenticator.authenticate(field, access: .client)
        } catch let refusal as RequestRefusal where refusal.status == .unauthorized {
            return self.redirect(to: "/ui/login")
        }
        return try await body(
            RouteCall(
                parameters: call.parameters,
                principal: principal,
                services: call.services,
                connection: call.connection
            )
        )
    }

    private static func login(_ request: Request, _ call: RouteCall) -> Response {
        guard call.services.authenticator.protectsClients else { return self.redirect(to: "/") }
        return self.page(PageSession.loginPage(problem: nil))
    }

    private static func signIn(_ request: Request, _ call: RouteCall) async throws -> Response {
        let token = try await self.form(request, call)["token"] ?? ""
        do {
            guard token.utf8.count <= PageSession.tokenByteLimit else { throw RequestRefusal(.unauthorized, "") }
            _ = try call.services.authenticator.authenticate("Bearer \(token)", access: .client)
        } catch let refusal as RequestRefusal where refusal.status == .unauthorized {
            let page = PageSession.loginPage(problem: "This token is not accepted.")
            return self.page(page, status: .unauthorized)
        }
        return self.redirect(to: "/", cookie: PageSession.cookie(token, isSecure: self.isSecure(request)))
    }

    private static func signOut(_ request: Request, _ call: RouteCall) throws -> Response {
        self.redirect(to: "/ui/login", cookie: PageSession.cookie(nil, isSecure: self.isSecure(request)))
    }

    private static func isSecure(_ request: Request) -> Bool {
        request.headers[.origin]?.hasPrefix("https://") ?? false
    }

    // MARK: Answers

    private static func page(_ html: HTML, status: HTTPResponse.Status = .ok) -> Response {
        var headers = HTTPFields()
        headers[.contentSecurityPolicy] = PageAssets.contentSecurityPolicy
        headers[.xContentTypeOptions] = "nosniff"
        headers[.cacheControl] = "no-store"
        // Not `no-referrer`: browsers would send forms with the origin `null`.
        if let name = HTTPField.Name("Referrer-Policy") { headers[name] = "same-origin" }
        return .bytes(Array(html.text.utf8), type: "text/html; charset=utf-8", status: status, headers: headers)
    }

    private static func asset(_ text: String, _ type: String) -> Response {
        .bytes(
            Array(text.utf8),
            type: "\(type); charset=utf-8",
            headers: [.cacheControl: "no-cache", .xContentTypeOptions: "nosniff"]
        )
    }

    /// The browser follows with a GET.
    private static func redirect(to path: String, cookie: String? = nil) -> Response {
        var headers: HTTPFields = [.location: path, .contentLength: "0"]
        if let cookie { headers[.setCookie] = cookie }
        return Response(status: .seeOther, headers: headers)
    }
}

extension Routes {
    /// The page for people (`gateway.md` 25.16).
    public static var page: [Route] { PageRoutes.all }
}
