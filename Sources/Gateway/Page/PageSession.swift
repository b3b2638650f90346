internal import HTTPTypes
internal import Hummingbird
internal import MCP
import Support

/// How a browser proves who uses it: the token that API clients send in a header travels in a cookie that scripts
/// cannot read and other sites cannot send.
enum PageSession {
    static let cookieName = "asya_token"
    /// Tokens are short; JWTs have a few kilobytes at most.
    static let tokenByteLimit = 8192

    /// The `Authorization` field of a request, or one made from the cookie.
    static func authorization(of request: Request) -> String? {
        if let field = request.headers[.authorization] { return field }
        for cookie in (request.headers[.cookie] ?? "").split(separator: ";") {
            let parts = cookie.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == self.cookieName, let token = URLText.unescaped(parts[1]) {
                return "Bearer \(token)"
            }
        }
        return nil
    }

    /// `Set-Cookie` for a token; `nil` ends the session. `Secure` where the browser came over TLS.
    static func cookie(_ token: String?, isSecure: Bool) -> String {
        let value = token.map { URLText.escaped($0) } ?? ""
        let age = token == nil ? "; Max-Age=0" : ""
        return "\(self.cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict\(isSecure ? "; Secure" : "")\(age)"
    }

    /// Whether a form was sent by one of our pages. Browsers name the origin of every POST; `Host` proves nothing
    /// (gateway.md 18.2).
    static func isOwnForm(_ request: Request, settings: HTTPSettings) -> Bool {
        OriginRule(allowed: self.origins(settings).filter { $0 != "*" }).accepts(request.headers[.origin])
    }

    /// The configured origins and that of the gateway's own public address.
    static func origins(_ settings: HTTPSettings) -> [String] {
        settings.allowedOrigins + [settings.publicURL].compactMap { $0.map(self.origin) }
    }

    /// Scheme and authority.
    static func origin(of url: String) -> String {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count >= 3 ? parts[..<3].joined(separator: "/") : url
    }

    static func loginPage(problem: String?) -> HTML {
        PageLayout.page(
            title: "Sign in",
            section: nil,
            """
            <h1>Sign in</h1>
            \(problem.map(PageLayout.alert) ?? .empty)
            <form class="call" method="post" action="/ui/login">
            <div class="field"><label for="token">Access token</label>
            <input id="token" name="token" type="password" autocomplete="current-password" required>
            <p class="hint">The bearer token that clients of this gateway use.</p></div>
            <button class="primary">Sign in</button>
            </form>
            """
        )
    }
}
