import ActorResource
import QueueClient
import Support
import Testing

@testable import Operator

@Suite("Kubernetes coding")
struct KubernetesCodingTests {
    @Test("a watch's lines are found wherever its pieces are cut")
    func frames() throws {
        let text = "{\"a\":1}\n\r\n{\"b\":\"\u{e4}\"}\n"
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var decoder = WatchFrameDecoder()
            let lines = try decoder.append(bytes[..<cut]) + decoder.append(bytes[cut...])
            #expect(lines.map { String(decoding: $0, as: UTF8.self) } == ["{\"a\":1}", "{\"b\":\"\u{e4}\"}"])
        }
    }

    @Test("a line without end is refused at the limit")
    func limit() throws {
        var decoder = WatchFrameDecoder()
        let block = [UInt8](repeating: 0x61, count: WatchFrameDecoder.lineByteLimit)
        _ = try decoder.append(block)
        #expect(throws: APIError.tooLarge(limit: WatchFrameDecoder.lineByteLimit)) { try decoder.append([0x61]) }
    }

    @Test("events are read by type; what is none is an error")
    func events() throws {
        func event(_ text: String) throws(APIError) -> WatchEvent { try WatchEvent(line: Array(text.utf8)) }
        #expect(try event(#"{"type":"ADDED","object":{"a":1}}"#) == .stored(["a": 1]))
        #expect(try event(#"{"type":"DELETED","object":{}}"#) == .removed([:]))
        let bookmark = #"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#
        #expect(try event(bookmark) == .bookmark(resourceVersion: "9"))
        let gone = try event(
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"old"}}"#
        )
        guard case .failed(let status) = gone else { return #expect(Bool(false)) }
        #expect(APIError.status(status).isExpired)
        for text in ["", "{", "{}", #"{"type":"NEW","object":{}}"#, #"{"type":"BOOKMARK","object":{}}"#] {
            #expect(throws: APIError.self) { try event(text) }
        }
    }

    @Test("error answers are understood as Status, plain text, or nothing")
    func statuses() {
        let status = APIStatus(
            code: 404,
            body: Array(
                #"{"kind":"Status","reason":"NotFound","message":"no x","code":404,"details":{"name":"x"}}"#.utf8
            )
        )
        #expect(APIError.status(status).isNotFound)
        #expect(!APIError.status(status).isUnknownAPI)
        let plain = APIStatus(code: 404, body: Array("404 page not found\n".utf8))
        #expect(APIError.status(plain).isUnknownAPI)
        #expect(plain.message == "404 page not found")
        let empty = APIStatus(code: 503, body: [], retryAfter: "7")
        #expect(empty.message == "HTTP status 503")
        #expect(empty.retryAfter == .seconds(7))
        let conflict = APIStatus(code: 409, body: Array(#"{"kind":"Status","reason":"AlreadyExists","code":409}"#.utf8))
        #expect(APIError.status(conflict).isAlreadyExists)
        let long = APIStatus(code: 500, body: [UInt8](repeating: 0x61, count: 100_000))
        #expect(long.message.count == APIStatus.messageCharacterLimit)
    }

    @Test("a page of a list is cut into its objects")
    func page() throws {
        let text = #"{"kind":"List","items":[{"a":"]}"},{"b":[2]}],"metadata":{"resourceVersion":"5","continue":"c"}}"#
        let page = try ListPage(Array(text.utf8))
        let objects = try (0..<page.count).map { try page.object(at: $0) }
        #expect(objects == [["a": "]}"], ["b": [2]]])
        #expect(page.resourceVersion == "5")
        #expect(page.continuation == "c")
        for bad in ["", "[]", "{}", #"{"items":[]}"#] {
            #expect(throws: APIError.self) { try ListPage(Array(bad.utf8)) }
        }
    }

    @Test("an object nested deeper than the scanner goes does not hide the others of its page")
    func deepPage() throws {
        let levels = 10_000  // As many as Kubernetes stores.
        let deep = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        let text = #"{"items":[{"spec":\#(deep)},{"b":[2]}],"metadata":{"resourceVersion":"5"}}"#
        let page = try ListPage(Array(text.utf8))
        let objects = try (0..<page.count).map { try page.object(at: $0) }
        #expect(objects.count == 2 && objects[1] == ["b": [2]] && page.resourceVersion == "5")
        #expect(try #require(objects[0]["spec"]).depth > ActorValidation.templateDepthLimit)
    }

    @Test("paths and queries are what the API serves")
    func paths() {
        let key = ObjectKey(namespace: "n", name: "x")
        #expect(ResourceType.pod.path(key) == "/api/v1/namespaces/n/pods/x")
        let status = ResourceType.asyncActor.path(key, subresource: "status")
        #expect(status == "/apis/asya.sh/v1alpha1/namespaces/n/asyncactors/x/status")
        let request = APIRequest(
            method: .get,
            path: ResourceType.deployment.collectionPath(),
            query: [("labelSelector", "a/b=c,d"), ("limit", "5")]
        )
        #expect(request.target == "/apis/apps/v1/deployments?labelSelector=a%2Fb%3Dc%2Cd&limit=5")
    }

    @Test("metrics keep the names and labels of controller-runtime")
    func metrics() {
        let metrics = OperatorMetrics()
        metrics.reconciled("error", duration: .milliseconds(20))
        metrics.requestAnswered(method: "GET", code: "200")
        metrics.queueOperated(transport: "rabbitmq", operation: "ensure", isSuccess: true, duration: .seconds(1))
        let page = metrics.page([.init(name: "workqueue_depth", series: [#"name="asyncactor""#: 3])])
        for line in [
            #"controller_runtime_reconcile_total{controller="asyncactor",result="success"} 0"#,
            #"controller_runtime_reconcile_total{controller="asyncactor",result="error"} 1"#,
            #"controller_runtime_reconcile_errors_total{controller="asyncactor"} 1"#,
            #"controller_runtime_reconcile_time_seconds_bucket{controller="asyncactor",le="0.025"} 1"#,
            #"controller_runtime_reconcile_time_seconds_count{controller="asyncactor"} 1"#,
            #"rest_client_requests_total{code="200",method="GET"} 1"#,
            #"asya_operator_queue_operations_total{op="ensure",result="success",transport="rabbitmq"} 1"#,
            #"workqueue_depth{name="asyncactor"} 3"#,
        ] {
            #expect(page.split(separator: "\n").contains(Substring(line)), "\(line)")
        }
    }

    @Test(
        "addresses are read as Go writes them",
        arguments: [(":8080", "", 8080), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:80", "::1", 80)]
    )
    func addresses(text: String, host: String, port: Int) {
        let parsed = HTTPServer.parse(text)
        #expect(parsed?.host == host)
        #expect(parsed?.port == port)
        #expect(HTTPServer.parse("nonsense") == nil)
    }
}

@Suite("Admission")
struct AdmissionTests {
    @Test("a fine actor is admitted")
    func fine() throws {
        let admission = Admission(Samples.actor(), try self.registry())
        #expect(admission.transport?.name == "rabbitmq")
        #expect(admission.conditions == [.transport: .transportValidated])
        #expect(admission.events.isEmpty)
    }

    @Test("an unknown transport and a mistake in the spec are both told")
    func both() throws {
        let actor = Samples.actor(containers: []) { $0.spec.transport = "nope" }
        let admission = Admission(actor, try self.registry())
        #expect(admission.transport == nil)
        #expect(
            admission.conditions[.transport]
                == .failed(.transport, "InvalidTransport", "transport 'nope' not found in operator configuration")
        )
        #expect(
            admission.conditions[.workload]
                == .failed(
                    .workload,
                    "ValidationError",
                    "workload must contain exactly one container named 'asya-runtime', but found 0"
                )
        )
        #expect(admission.events.map(\.reason) == ["InvalidTransport", "ValidationError"])
    }

    @Test("a mistake in the spec leaves the transport valid")
    func specOnly() throws {
        var container = Samples.container
        container.set("command", ["sh"])
        let admission = Admission(Samples.actor(containers: [container]), try self.registry())
        #expect(admission.transport == nil)
        #expect(admission.conditions[.transport] == .transportValidated)
        #expect(
            admission.conditions[.workload]?.message
                == "container 'asya-runtime' cannot override command (command is managed by operator)"
        )
    }

    @Test("a grace period below the processing time is worth an event")
    func gracePeriod() throws {
        let actor = Samples.actor { $0.spec.timeout.processing = 900 }
        #expect(Admission(actor, try self.registry()).events.map(\.reason) == ["ShortGracePeriod"])
    }

    private func registry() throws -> TransportRegistry {
        TransportRegistry(transports: ["rabbitmq": try Samples.rabbitMQ()])
    }
}

@Suite("Queue topology")
struct QueueTopologyTests {
    private let actor = ObjectKey(namespace: "demo", name: "a")

    @Test("RabbitMQ: one dead-letter queue for each actor")
    func rabbitMQ() throws {
        let plain = try self.definition(Samples.rabbitMQ())
        #expect(plain.name == "asya-a")
        #expect(plain.deadLetter == nil)
        let withDLQ = try self.definition(Samples.rabbitMQ(#"{"queues":{"dlq":{"enabled":true}}}"#))
        #expect(withDLQ.deadLetter?.queueName == "asya-a-dlq")
    }

    @Test("SQS: visibility, tags, and one dead-letter queue for all")
    func sqs() throws {
        let plain = try self.definition(Samples.sqs("{}"))
        #expect(plain.visibilityTimeoutSeconds == 600)
        #expect(plain.tags == ["asya.sh/actor": "a", "asya.sh/namespace": "demo"])
        let rich = try self.definition(
            Samples.sqs(
                #"{"visibilityTimeout":90,"tags":{"team":"x"},"queues":{"dlq":{"enabled":true,"retentionDays":2}}}"#
            )
        )
        #expect(rich.visibilityTimeoutSeconds == 90)
        #expect(rich.tags["team"] == "x")
        #expect(rich.deadLetter?.queueName == "asya-dlq")
        #expect(rich.deadLetter?.retentionDays == 2)
    }

    @Test("SQS: the dead letters of a FIFO queue go to a FIFO queue")
    func fifo() throws {
        let definition = QueueTopology.definition(
            actor: ObjectKey(namespace: "demo", name: "a.fifo"),
            processingTimeout: 300,
            transport: try Samples.sqs(#"{"queues":{"dlq":{"enabled":true}}}"#)
        )
        #expect(definition.name == "asya-a.fifo")
        #expect(definition.deadLetter?.queueName == "asya-dlq.fifo")
    }

    @Test("the listing of the management API gives numbers by name")
    func listing() throws {
        let text = #"[{"name":"asya-a","messages_ready":2,"messages_unacknowledged":1},{"name":"b"}]"#
        let counts = try RabbitMQListing.counts(code: 200, body: text)
        #expect(counts["asya-a"] == .init(ready: 2, inFlight: 1))
        #expect(counts["b"] == .init(ready: 0, inFlight: 0))
        #expect(try RabbitMQListing.counts(code: 404, body: "") == [:])
        let refused = #expect(throws: QueueProblem.self) { try RabbitMQListing.counts(code: 401, body: "no") }
        #expect(refused?.description == "RabbitMQ API returned 401: no")
        #expect(throws: QueueProblem.self) { try RabbitMQListing.counts(code: 200, body: "<html>") }
    }

    @Test("a quorum queue gives a message up after the configured number of returns")
    func quorum() throws {
        let config = #"{"queues":{"type":"quorum","dlq":{"enabled":true,"maxRetryCount":5}}}"#
        let transport = try Samples.rabbitMQ(config)
        #expect(transport.queues.kind == .quorum)
        let definition = try self.definition(transport)
        #expect(
            RabbitMQManagement.quorumArguments(definition) == [
                "x-queue-type": "quorum", "x-delivery-limit": 5, "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": "asya-a-dlq",
            ]
        )
        #expect(throws: TransportConfigurationError.self) { try Samples.rabbitMQ(#"{"queues":{"type":"stream"}}"#) }
    }

    private func definition(_ transport: TransportDefinition) throws -> QueueDefinition {
        QueueTopology.definition(actor: self.actor, processingTimeout: 300, transport: transport)
    }
}
