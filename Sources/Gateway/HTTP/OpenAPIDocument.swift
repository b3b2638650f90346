/// The description of the REST endpoints (OpenAPI 3.1), for `/openapi.json`.
enum OpenAPIDocument {
    static let document = RawJSON(checking: text) ?? .emptyObject

    private static let text = """
        {"openapi":"3.1.0","info":{"title":"Asya gateway","version":"0.1.0",
        "description":"Pipelines as tools: call, follow, cancel. MCP lives at /mcp."},
        "paths":{\(paths.joined(separator: ","))},
        "components":{"parameters":{"id":{"name":"id","in":"path","required":true,
        "schema":{"type":"string","minLength":1}}},
        "schemas":{"object":{"type":"object"}},
        "responses":{"error":{"description":"An error in one line","content":{"text/plain":{"schema":{"type":"string"}}}}}}}
        """

    private static let paths = [
        path("/health", [operation("get", "Liveness", answers: ["200": "text/plain"])]),
        path("/ready", [operation("get", "Readiness", answers: ["200": json, "503": json])]),
        path("/metrics", [operation("get", "Metrics", answers: ["200": "text/plain"])]),
        path("/openapi.json", [operation("get", "This document", answers: ["200": json])]),
        path(
            "/tools/call",
            [
                operation(
                    "post",
                    "Call a tool",
                    body: """
                        {"type":"object","required":["name"],"properties":{"name":{"type":"string","minLength":1},
                        "arguments":{"type":["object","null"]}}}
                        """,
                    answers: ["200": json, "400": plain, "404": plain, "409": plain, "413": plain, "429": plain]
                )
            ]
        ),
        path(
            "/envelopes",
            [
                operation(
                    "post",
                    "Register a fan-out child",
                    body: """
                        {"type":"object","required":["id"],"properties":{"id":{"type":"string","minLength":1},
                        "parent_id":{"type":["string","null"]},"actors":{"type":"array","items":{"type":"string"}},
                        "current":{"type":"integer","minimum":-2147483648,"maximum":2147483647}}}
                        """,
                    answers: ["200": json, "201": json, "400": plain, "409": plain, "413": plain]
                )
            ]
        ),
        path("/envelopes/{id}", [operation("get", "State", answers: ["200": json, "400": plain, "404": plain])], id),
        path(
            "/envelopes/{id}/active",
            [operation("get", "Still wanted?", answers: ["200": json, "400": plain, "410": json])],
            id
        ),
        path(
            "/envelopes/{id}/cancel",
            [operation("post", "Cancel", answers: ["200": json, "400": plain, "404": plain, "409": plain])],
            id
        ),
        path(
            "/envelopes/{id}/progress",
            [
                operation(
                    "post",
                    "Progress report of a sidecar",
                    body: """
                        {"type":"object","properties":{"actors":{"type":"array","items":{"type":"string"}},
                        "current_actor_idx":{"type":"integer","minimum":-2147483648,"maximum":2147483647},
                        "status":{"type":"string"},"message":{"type":"string"},
                        "duration_ms":{"type":"number"},"message_size_kb":{"type":"number"}}}
                        """,
                    answers: ["200": json, "400": plain, "404": plain, "413": plain]
                )
            ],
            id
        ),
        path("/api/v1/envelopes", [operation("get", "List envelopes", answers: listAnswers, query: listQuery)]),
        path(
            "/api/v1/envelopes/{id}/children",
            [operation("get", "List children", answers: listAnswers, query: listQuery)],
            id
        ),
        path(
            "/api/v1/envelopes/{id}/updates",
            [
                operation(
                    "get",
                    "History",
                    answers: listAnswers,
                    query: [parameter("after", #"{"type":"integer","minimum":0}"#)]
                )
            ],
            id
        ),
        path("/api/v1/tools", [operation("get", "List tools", answers: ["200": json])]),
    ]

    private static let json = "application/json"
    private static let plain = "text/plain"
    private static let id = ##"[{"$ref":"#/components/parameters/id"}]"##
    private static let listAnswers = ["200": json, "400": plain, "404": plain]
    private static let listQuery = [
        parameter("status", #"{"enum":["pending","running","succeeded","failed","unknown"]}"#),
        parameter("tool", #"{"type":"string"}"#),
        parameter("actor", #"{"type":"string"}"#),
        parameter("parent_id", #"{"type":"string"}"#),
        parameter("created_after", #"{"type":"string","format":"date-time"}"#),
        parameter("created_before", #"{"type":"string","format":"date-time"}"#),
        parameter("limit", #"{"type":"integer","minimum":1,"maximum":500}"#),
        parameter("cursor", #"{"type":"string"}"#),
    ]

    private static func path(_ path: String, _ operations: [String], _ parameters: String = "[]") -> String {
        "\"\(path)\":{\"parameters\":\(parameters),\(operations.joined(separator: ","))}"
    }

    private static func parameter(_ name: String, _ schema: String) -> String {
        "{\"name\":\"\(name)\",\"in\":\"query\",\"schema\":\(schema)}"
    }

    private static func operation(
        _ method: String,
        _ summary: String,
        body: String? = nil,
        answers: [String: String],
        query: [String] = []
    ) -> String {
        var text = "\"\(method)\":{\"summary\":\"\(summary)\",\"parameters\":[\(query.joined(separator: ","))],"
        if let body {
            text += "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":\(body)}}},"
        }
        let responses = answers.sorted { $0.key < $1.key }.map { code, type in
            let schema = type == self.json ? "{\"type\":\"object\"}" : "{\"type\":\"string\"}"
            return "\"\(code)\":{\"description\":\"\(code)\",\"content\":{\"\(type)\":{\"schema\":\(schema)}}}"
        }
        return text + "\"responses\":{\(responses.joined(separator: ","))}}"
    }
}
