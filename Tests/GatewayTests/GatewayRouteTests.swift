import HTTPTypes
import NIOCore
import QueueClient
import Testing

@testable import Gateway

@Suite("REST endpoints")
struct GatewayRouteTests {
    @Test("A call answers with the envelope's addresses and sends its message")
    func call() async throws {
        try await TestGateway.run { gateway in
            let body = #"{"name":"echo","arguments":{"text":"é","big":12345678901234567890},"other":1}"#
            let answer = try await gateway.request(.post, "/tools/call", body)
            #expect(answer.status == 200)
            #expect(answer.headers[.contentType] == "application/json")
            let text = try #require(answer.json?["content"]?.elements?.first?["text"]?.string)
            let content = try #require(JSONDocument(Array(text.utf8))?.root)
            let id = try #require(content["envelope_id"]?.string)
            #expect(content["message"]?.string == "Envelope created successfully")
            #expect(content["status_url"]?.string == "/envelopes/\(id)")
            #expect(content["stream_url"]?.string == "/envelopes/\(id)/stream")
            #expect(content["metadata"]?["team"]?.string == "ml")
            #expect(answer.json?["isError"] == nil)
            await gateway.services.service.sender.drain()
            let sent = try #require(gateway.queue.sent.first)
            #expect(sent.queue == "asya-first")
            #expect(sent.id == id)
            #expect(sent.body.contains(#""payload":{"text":"é","big":12345678901234567890}"#))
            let state = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(state.json?["status"]?.string == "running")
            #expect(state.json?["timeout_seconds"]?.integer == 3600)
            #expect(state.json?["route"]?["metadata"]?["job_id"]?.string == id)
            #expect(state.json?["total_actors"]?.integer == 2)
            #expect(state.json?["result"] == nil)
        }
    }

    @Test(
        "Refused calls",
        arguments: [
            ("", 400, "Invalid request body"), ("{", 400, "Invalid request body"), ("[]", 400, "Invalid request body"),
            (#"{"name":5}"#, 400, "Invalid request body"),
            (#"{"name":"echo","arguments":[]}"#, 400, "Invalid request body"),
            ("{}", 400, "Tool name is required"), (#"{"name":""}"#, 400, "Tool name is required"),
            ("null", 400, "Tool name is required"), (#"{"name":"nope"}"#, 404, "Tool \"nope\" not found"),
        ]
    )
    func refused(body: String, status: Int, text: String) async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(.post, "/tools/call", body)
            #expect(answer.status == status)
            #expect(answer.text == text + "\n")
            #expect(answer.headers[.contentType] == "text/plain; charset=utf-8")
            #expect(answer.headers[.xContentTypeOptions] == "nosniff")
        }
    }

    @Test("A missing parameter is a tool error; null and unknown arguments are not")
    func toolErrors() async throws {
        try await TestGateway.run { gateway in
            for body in [#"{"name":"echo"}"#, #"{"name":"echo","arguments":null}"#, #"{"name":"echo","arguments":{}}"#]
            {
                let answer = try await gateway.request(.post, "/tools/call", body)
                #expect(answer.status == 200)
                #expect(answer.json?["isError"]?.boolean == true)
                #expect(answer.json?["content"]?.elements?.first?["text"]?.string == "missing required parameter: text")
            }
            _ = try await gateway.call("echo", #"{"text":null,"count":"5","unknown":[]}"#)
            let id = try await gateway.call("quiet", "null")
            let state = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(state.json?["payload"]?.members?.isEmpty == true)
            #expect(state.json?["deadline"] == nil)
        }
    }

    @Test("Strict arguments and defaults")
    func strictness() async throws {
        var settings = HTTPSettings()
        settings.checksArgumentsStrictly = true
        try await TestGateway.run(settings: settings) { gateway in
            let body = #"{"name":"echo","arguments":{"text":"a","count":"5"}}"#
            let answer = try await gateway.request(.post, "/tools/call", body)
            #expect(answer.json?["isError"]?.boolean == true)
            let id = try await gateway.call("defaulted", #"{"x":1}"#)
            let state = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(state.json?["payload"]?.raw.text == #"{"x":1,"n":7}"#)
        }
    }

    @Test("A failed send fails its envelope and names the actor")
    func failedSend() async throws {
        try await TestGateway.run { gateway in
            gateway.queue.fail(with: .queueMissing("asya-first"))
            let id = try await gateway.call()
            await gateway.services.service.sender.drain()
            let state = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(state.json?["status"]?.string == "failed")
            let error = try #require(state.json?["error"]?.string)
            #expect(error.hasPrefix("failed to send envelope: actor \"first\": queue asya-first"))
        }
    }

    @Test("Progress and final reports")
    func reports() async throws {
        try await TestGateway.run { gateway in
            let id = try await gateway.call()
            let report = #"{"actors":["first","second"],"current_actor_idx":0,"status":"processing","message":"m"}"#
            let answer = try await gateway.request(.post, "/envelopes/\(id)/progress", report)
            #expect(answer.text == #"{"status":"ok","progress_percent":25.0}"# || answer.text.contains(":25"))
            let strange = try await gateway.request(.post, "/envelopes/\(id)/progress", #"{"status":"dancing"}"#)
            #expect(strange.status == 200)
            let final = try await gateway.request(
                .post,
                "/envelopes/\(id)/final",
                #"{"status":"succeeded","result":{"v":[1,null]},"progress":1.0}"#
            )
            #expect(final.text == #"{"status":"ok"}"#)
            let late = try await gateway.request(.post, "/envelopes/\(id)/final", #"{"status":"failed"}"#)
            #expect(late.text == #"{"status":"ok","ignored":true}"#)
            let progress = try await gateway.request(.post, "/envelopes/\(id)/progress", report)
            #expect(progress.json?["ignored"]?.boolean == true)
            #expect(progress.json?["progress_percent"]?.integer == 100)
            let state = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(state.json?["status"]?.string == "succeeded")
            #expect(state.json?["result"]?.raw.text == #"{"v":[1,null]}"#)
            #expect(state.json?["progress_percent"]?.integer == 100)
            #expect(state.json?["actors_completed"]?.integer == 2)
        }
    }

    @Test(
        "Refused reports",
        arguments: [
            ("/envelopes/x/progress", "nope", 400, "Invalid request body"),
            ("/envelopes/x/progress", #"{"current_actor_idx":"0"}"#, 400, "Invalid request body"),
            ("/envelopes/x/progress", #"{"current_actor_idx":99999999999}"#, 400, "Invalid request body"),
            ("/envelopes/x/progress", #"{"actors":[1]}"#, 400, "Invalid request body"),
            ("/envelopes/x/progress", "{}", 404, "Failed to get envelope"),
            ("/envelopes/x/final", "nope", 400, "Invalid request body"),
            ("/envelopes/x/final", "{}", 400, "Invalid status: must be 'succeeded' or 'failed'"),
            ("/envelopes/x/final", #"{"status":"done"}"#, 400, "Invalid status: must be 'succeeded' or 'failed'"),
            ("/envelopes/x/final", #"{"status":"failed"}"#, 500, "Failed to update envelope"),
            ("/envelopes", "nope", 400, "Invalid request body"),
            ("/envelopes", "{}", 400, "Missing required field: id"),
            ("/envelopes", #"{"id":5}"#, 400, "Invalid request body"),
        ]
    )
    func refusedReports(path: String, body: String, status: Int, text: String) async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(.post, path, body)
            #expect(answer.status == status)
            #expect(answer.text == text + "\n")
        }
    }

    @Test("Children are registered, not sent, and inherit the deadline")
    func children() async throws {
        try await TestGateway.run { gateway in
            let id = try await gateway.call()
            await gateway.services.service.sender.drain()
            let body = #"{"id":"\#(id)-1","parent_id":"\#(id)","actors":["second"],"current":0}"#
            let answer = try await gateway.request(.post, "/envelopes", body)
            #expect(answer.status == 201)
            #expect(answer.text == #"{"status":"created","id":"\#(id)-1"}"#)
            let again = try await gateway.request(.post, "/envelopes", body)
            #expect(again.status == 200)
            #expect(again.json?["status"]?.string == "exists")
            let foreign = try await gateway.request(.post, "/envelopes", #"{"id":"\#(id)-1","parent_id":"other"}"#)
            #expect(foreign.status == 409)
            let child = try await gateway.request(.get, "/envelopes/\(id)-1")
            #expect(child.json?["status"]?.string == "pending")
            #expect(child.json?["parent_id"]?.string == id)
            #expect(child.json?["deadline"] != nil)
            #expect(child.json?["payload"]?.isNull == true)
            let parent = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(parent.json?["children_total"]?.integer == 1)
            #expect(gateway.queue.sent.count == 1)
            let list = try await gateway.request(.get, "/api/v1/envelopes/\(id)/children")
            #expect(list.json?["envelopes"]?.elements?.count == 1)
        }
    }

    @Test("A child that is registered after its parent was cancelled is cancelled too")
    func lateChild() async throws {
        try await TestGateway.run { gateway in
            let id = try await gateway.call()
            #expect(try await gateway.request(.post, "/envelopes/\(id)/cancel").status == 200)
            for (child, parent) in [("\(id)-1", id), ("\(id)-1-1", "\(id)-1")] {
                let body = #"{"id":"\#(child)","parent_id":"\#(parent)","actors":["first"]}"#
                #expect(try await gateway.request(.post, "/envelopes", body).status == 201)
                #expect(try await gateway.request(.get, "/envelopes/\(child)/active").status == 410)
                let state = try await gateway.request(.get, "/envelopes/\(child)")
                #expect(state.json?["error"]?.string == "envelope cancelled")
            }
        }
    }

    @Test("Activity follows the envelope; cancelling reaches children and happens once")
    func cancelling() async throws {
        try await TestGateway.run { gateway in
            let id = try await gateway.call()
            _ = try await gateway.request(.post, "/envelopes", #"{"id":"\#(id)-1","parent_id":"\#(id)"}"#)
            let active = try await gateway.request(.get, "/envelopes/\(id)/active?x=1")
            #expect(active.status == 200)
            #expect(active.text == #"{"active":true}"#)
            let cancelled = try await gateway.request(.post, "/envelopes/\(id)/cancel")
            #expect(cancelled.text == #"{"status":"cancelled"}"#)
            for each in [id, id + "-1"] {
                let answer = try await gateway.request(.get, "/envelopes/\(each)/active")
                #expect(answer.status == 410)
                #expect(answer.text == #"{"active":false}"#)
            }
            #expect(try await gateway.request(.post, "/envelopes/\(id)/cancel").status == 409)
            #expect(try await gateway.request(.post, "/envelopes/nobody/cancel").status == 404)
            #expect(try await gateway.request(.get, "/envelopes/nobody/active").status == 410)
            let state = try await gateway.request(.get, "/envelopes/\(id)")
            #expect(state.json?["error"]?.string == "envelope cancelled")
            #expect(state.json?["cancelled_at"] != nil)
        }
    }

    @Test("Repeated calls with one key are one call")
    func idempotency() async throws {
        try await TestGateway.run { gateway in
            let headers: HTTPFields = [.idempotencyKey: "k-1"]
            func call(_ text: String) async throws -> TestGateway.Answer {
                let body = #"{"name":"echo","arguments":{"text":"\#(text)"}}"#
                return try await gateway.request(.post, "/tools/call", body, headers: headers)
            }
            let first = try await call("a")
            let second = try await call("a")
            let id = first.json?["structuredContent"]?["envelope_id"]?.string
            #expect(id != nil)
            #expect(second.json?["structuredContent"]?["envelope_id"]?.string == id)
            #expect(try await call("b").status == 409)
            #expect(try await gateway.call("once", "{}") == gateway.call("once", "{}"))
            await gateway.services.service.sender.drain()
            #expect(gateway.queue.sent.count == 2)
        }
    }

    @Test("Limits: body, rate, and what they answer")
    func limits() async throws {
        var settings = HTTPSettings()
        settings.maximumBodyByteCount = 100
        try await TestGateway.run(settings: settings) { gateway in
            let large = #"{"name":"echo","arguments":{"text":"\#(String(repeating: "x", count: 200))"}}"#
            #expect(try await gateway.request(.post, "/tools/call", large).status == 413)
            #expect(try await gateway.request(.post, "/tools/call", #"{"name":"limited"}"#).status == 200)
            let limited = try await gateway.request(.post, "/tools/call", #"{"name":"limited"}"#)
            #expect(limited.status == 429)
            #expect((900...1000).contains(Int(limited.headers[.retryAfter] ?? "") ?? 0))
        }
    }

    @Test("Tokens protect clients and sidecars apart, and callers from each other")
    func authentication() async throws {
        var credentials = Authenticator.Credentials()
        credentials.clients = TokenSet(file: "alice:secret-a\nbob:secret-b")
        credentials.sidecars = TokenSet(file: "secret-s")
        try await TestGateway.run(credentials: credentials) { gateway in
            func authorized(_ token: String) -> HTTPFields { [.authorization: "Bearer \(token)"] }
            let call = #"{"name":"quiet"}"#
            let refused = try await gateway.request(.post, "/tools/call", call)
            #expect(refused.status == 401)
            #expect(refused.headers[.wwwAuthenticate] == "Bearer")
            #expect(
                try await gateway.request(.post, "/tools/call", call, headers: authorized("secret-s")).status == 401
            )
            let answer = try await gateway.request(.post, "/tools/call", call, headers: authorized("secret-a"))
            let id = try #require(answer.json?["structuredContent"]?["envelope_id"]?.string)
            #expect(try await gateway.request(.get, "/envelopes/\(id)", headers: authorized("secret-a")).status == 200)
            #expect(try await gateway.request(.get, "/envelopes/\(id)", headers: authorized("secret-b")).status == 404)
            let report = "/envelopes/\(id)/progress"
            #expect(try await gateway.request(.post, report, "{}", headers: authorized("secret-a")).status == 401)
            #expect(try await gateway.request(.post, report, "{}", headers: authorized("secret-s")).status == 200)
            #expect(try await gateway.request(.get, "/health").status == 200)
            let bobs = try await gateway.request(.get, "/api/v1/envelopes", headers: authorized("secret-b"))
            #expect(bobs.json?["envelopes"]?.elements?.isEmpty == true)
        }
    }

    @Test("A token that nobody gave out is no name of a client: its address counts")
    func madeUpTokens() async throws {
        var settings = HTTPSettings()
        settings.requestsPerSecondAndClient = RateLimit(perSecond: 0.001, burst: 2)
        func statuses(_ credentials: Authenticator.Credentials) async throws -> [Int] {
            nonisolated(unsafe) var found: [Int] = []
            try await TestGateway.run(settings: settings, credentials: credentials) { gateway in
                for token in ["a", "b", "c", "good", "good", "good"] {
                    let headers: HTTPFields = [.authorization: "Bearer \(token)"]
                    found.append(try await gateway.request(.get, "/api/v1/tools", headers: headers).status)
                }
            }
            return found
        }
        #expect(try await statuses(.init()) == [200, 200, 429, 429, 429, 429])
        var credentials = Authenticator.Credentials()
        credentials.clients = TokenSet(file: "alice:good")
        #expect(try await statuses(credentials) == [401, 401, 429, 200, 200, 429])
    }

    @Test("Surfaces, probes and documents")
    func operations() async throws {
        var settings = HTTPSettings()
        settings.instance = "a1"
        try await TestGateway.run(settings: settings, surface: .clientsOnly) { gateway in
            #expect(try await gateway.request(.post, "/envelopes/x/final", #"{"status":"failed"}"#).status == 404)
            let health = try await gateway.request(.put, "/health")
            #expect(health.text == "OK\n")
            #expect(try await gateway.request(.head, "/health").text.isEmpty)
            let ready = try await gateway.request(.get, "/ready")
            #expect(ready.status == 200 && ready.text == #"{"ready":true,"reasons":[],"instance":"a1"}"#)
            gateway.queue.fail(with: .unavailable(reason: "gone"))
            let unready = try await gateway.request(.get, "/ready")
            #expect(unready.status == 503)
            #expect(unready.text.contains("gone"))
            let openAPI = try await gateway.request(.get, "/openapi.json")
            #expect(openAPI.json?["paths"]?["/tools/call"] != nil)
            let metrics = try await gateway.request(.get, "/metrics")
            #expect(metrics.text.contains(#"asya_gateway_requests_total{route="/health",code="200"} 2"#))
            #expect(try await gateway.request(.get, "/none").text == "404 page not found\n")
        }
    }

    @Test("CORS is off unless an origin is configured")
    func crossOrigin() async throws {
        let headers: HTTPFields = [.origin: "https://a.example", .accessControlRequestMethod: "POST"]
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(.options, "/tools/call", headers: headers)
            #expect(answer.status == 405)
            #expect(answer.headers[.accessControlAllowOrigin] == nil)
        }
        var settings = HTTPSettings()
        settings.allowedOrigins = ["https://a.example"]
        try await TestGateway.run(settings: settings) { gateway in
            let answer = try await gateway.request(.options, "/tools/call", headers: headers)
            #expect(answer.status == 204)
            #expect(answer.headers[.accessControlAllowOrigin] == "https://a.example")
            let foreign = try await gateway.request(.get, "/health", headers: [.origin: "https://b.example"])
            #expect(foreign.headers[.accessControlAllowOrigin] == nil)
        }
    }

    @Test(
        "Bad queries of lists are named",
        arguments: ["status=odd", "limit=0", "limit=501", "cursor=x", "created_after=soon"]
    )
    func badQueries(query: String) async throws {
        try await TestGateway.run { gateway in
            let answer = try await gateway.request(.get, "/api/v1/envelopes?\(query)")
            #expect(answer.status == 400)
            #expect(answer.text.hasPrefix(query.split(separator: "=")[0]))
        }
    }
}
