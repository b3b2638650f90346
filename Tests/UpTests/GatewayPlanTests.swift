import ActorResource
import LocalStore
import Support
import Testing

@testable import Up

@Suite struct GatewayPlanTests {
    static let place = StorePlace.find(option: "/state/queue.db", environment: EnvironmentReader([:]))

    static func environment(
        _ caller: [String: String],
        _ transport: UpOptions.Transport = .embedded
    ) throws -> [String: String] {
        let queues = try GatewayQueues.variables(
            transport: transport,
            place: Self.place,
            environment: EnvironmentReader(caller)
        )
        return GatewayPlan.environment(caller: caller, queues: queues, place: Self.place)
    }

    @Test("the gateway serves this machine, with the sidecars' queue file, unless the caller has said otherwise")
    func environment() throws {
        let chosen = try Self.environment(["HOME": "/h", "ASYA_LOG_LEVEL": ""])
        #expect(chosen["ASYA_GATEWAY_HOST"] == "127.0.0.1" && chosen["HOME"] == "/h")
        #expect(chosen["ASYA_EMBEDDED_PATH"] == "/state/queue.db")
        #expect(chosen["ASYA_GATEWAY_STORE_PATH"] == "/state/gateway.db" && chosen["ASYA_LOG_LEVEL"] == "warn")
        let own = try Self.environment([
            "ASYA_GATEWAY_STORE_PATH": "/mine.db", "ASYA_GATEWAY_HOST": "0.0.0.0",
            "ASYA_GATEWAY_TLS_CERT_FILE": "/c.pem",
        ])
        #expect(own["ASYA_GATEWAY_TLS_CERT_FILE"] == nil, "sidecars speak plain HTTP to it")
        #expect(own["ASYA_GATEWAY_STORE_PATH"] == "/mine.db" && own["ASYA_GATEWAY_HOST"] == "0.0.0.0")
    }

    @Test("on a broker the gateway gets the sidecars' broker and no other transport")
    func brokers() throws {
        let everything = [
            "ASYA_EMBEDDED_PATH": "/q.db", "ASYA_SQS_ENDPOINT": "http://sqs", "ASYA_RABBITMQ_URL": "amqp://a:b@c/",
            "AWS_REGION": "eu-west-3", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
        ]
        let rabbit = try Self.environment(everything, .rabbitmq)
        #expect(rabbit["ASYA_EMBEDDED_PATH"] == nil && rabbit["ASYA_SQS_ENDPOINT"] == nil)
        #expect(rabbit["ASYA_RABBITMQ_URL"] == "amqp://a:b@c/")
        let sqs = try Self.environment(everything, .sqs)
        #expect(sqs["ASYA_EMBEDDED_PATH"] == nil && sqs["ASYA_RABBITMQ_URL"] == nil)
        #expect(sqs["ASYA_SQS_ENDPOINT"] == "http://sqs" && sqs["ASYA_SQS_REGION"] == "eu-west-3")
        let parts = ["ASYA_RABBITMQ_HOST": "::1", "ASYA_RABBITMQ_USERNAME": "u@x", "ASYA_RABBITMQ_PASSWORD": "p/ß"]
        let built = try Self.environment(parts, .rabbitmq)
        #expect(built["ASYA_RABBITMQ_URL"] == "amqp://u%40x:p%2F%C3%9F@[::1]:5672/")
    }

    @Test("the command has port and tools; secrets are no arguments")
    func command() {
        let plan = GatewayPlan(
            program: "/bin/g",
            port: 8089,
            portSource: .ourselves,
            toolsPath: "/t.yaml",
            environment: ["X": "1", "ASYA_GATEWAY_INSTANCE": "the shell's"]
        )
        let command = plan.command(in: "/state", instance: "i")
        #expect(command.arguments == ["/bin/g"] && command.directory == "/state")
        let own = ["ASYA_GATEWAY_PORT": "8089", "ASYA_CONFIG_PATH": "/t.yaml", "ASYA_GATEWAY_INSTANCE": "i"]
        #expect(command.environment == own.merging(["X": "1"]) { own, _ in own })
        #expect(plan.url == "http://127.0.0.1:8089")
    }

    @Test(
        "only an answer that names the process is the gateway's own",
        arguments: [
            (#"{"ready":true,"reasons":[],"instance":"i"}"#, true), (#"{"instance":"j"}"#, false),
            (#"{"ready":true,"reasons":[]}"#, false), ("", false), ("<html>", false), (#""i""#, false),
        ]
    )
    func answers(body: String, isOwn: Bool) {
        #expect(GatewayPlan.isAnswer(body, of: "i") == isOwn)
    }

    @Test(
        "tools: the option, the variable, tools.yaml in the folders of the manifests, else in the current one",
        arguments: [
            ("o.yaml", "/v.yaml", ["/m"], "/here/o.yaml"), (nil, "/v.yaml", ["/m"], "/v.yaml"),
            (nil, "", ["-", "/m", "/n/a.yaml"], "/n/tools.yaml"), (nil, nil, [], "/here/tools.yaml"),
            (nil, nil, ["sub/a.yaml"], nil), (nil, nil, ["/m"], nil),
        ] as [(String?, String?, [String], String?)]
    )
    func search(option: String?, variable: String?, manifests: [String], expected: String?) {
        let files: Set<String> = ["/n/tools.yaml", "/here/tools.yaml"]
        let found = GatewayTools.written(
            option: option,
            variable: variable,
            manifests: manifests,
            currentFolder: "/here",
            exists: { files.contains($0) },
            isFolder: { $0 == "/m" }
        )
        #expect(found == expected)
    }

    @Test("without a file each actor but the end actors is a tool")
    func generated() throws {
        var manifest = ActorManifest(profile: .local)
        manifest.add(yaml: "actors: {shout: m.f, happy-end: m.g, '1': m.h}\n", file: "/pipeline/asya.yaml")
        let plans = try PlanTests.builder().plans(manifest, currentFolder: "/").plans
        let text = try #require(GatewayTools.generated(plans))
        #expect(text.contains("- name: shout\n") && text.contains("- name: '1'\n"))
        #expect(text.contains("  - shout\n") && !text.contains("-end"))
    }

    @Test("a route to an actor that does not run is named with its line")
    func routes() {
        let yaml = """
            routes:
              all: [a, gone]
            tools:
            - name: x
              route: all
            - name: y
              route:
              - a
              - lost
            - {name: z, route: [a, happy-end]}
            """
        let warnings = ToolRoutes.warnings(yaml: yaml, file: "t.yaml", actors: ["a", "happy-end"])
        #expect(warnings.count == 2)
        #expect(warnings.first?.hasPrefix("t.yaml:2:12: route template all: no actor gone ") == true)
        #expect(warnings.last?.hasPrefix("t.yaml:9:5: tool y: no actor lost ") == true)
        #expect(ToolRoutes.warnings(yaml: "- [", file: "t.yaml", actors: []).isEmpty)
    }

    @Test("a sidecar reports to the gateway beside it, whatever its manifest says of one in a cluster")
    func sidecars() throws {
        let actor = try PlanTests.actor("actors: {a: {handler: m.f, env: {ASYA_GATEWAY_URL: 'http://cluster'}}}\n")
        var planner = PlanTests.planner()
        let plan = try planner.plan(actor, folder: "/pipeline")
        let toolkit = Toolkit(sidecar: "/s", runtime: "/r")
        func sidecar(_ url: String?) -> [String: String] {
            let commands = plan.commands(
                toolkit: toolkit,
                socketDirectory: "/d",
                devices: nil,
                metricsPort: nil,
                gatewayURL: url
            )
            return commands.sidecar.environment
        }
        #expect(sidecar("http://127.0.0.1:1")["ASYA_GATEWAY_URL"] == "http://127.0.0.1:1")
        #expect(sidecar("http://127.0.0.1:1")["ASYA_GATEWAY_READY_TIMEOUT"] == "10s")
        #expect(sidecar(nil)["ASYA_GATEWAY_URL"] == "http://cluster")
    }

    static func setup(_ gateway: UpOptions.Gateway, _ variables: [String: String], program: String?) -> GatewaySetup {
        GatewaySetup(
            options: UpOptions(place: Self.place, gateway: gateway),
            environment: variables,
            toolkit: Toolkit(sidecar: "/s", runtime: "/r", gateway: program)
        )
    }

    @Test("without the program, or with a gateway of somebody else's, a run goes on; what was asked for is not dropped")
    func choice() throws {
        #expect(try Self.setup(.init(isWanted: false), [:], program: "/g").choose() == .none)
        for (variables, word) in [([:], "asya-gateway"), (["ASYA_GATEWAY_URL": "http://x"], "ASYA_GATEWAY_URL")] {
            guard case .missing(let text) = try Self.setup(.init(), variables, program: nil).choose() else {
                Issue.record("no gateway")
                continue
            }
            #expect(text.contains(word))
            for asked in [UpOptions.Gateway(port: 1), UpOptions.Gateway(toolsPath: "t")] {
                #expect(throws: UpError.self) { try Self.setup(asked, variables, program: nil).choose() }
            }
        }
    }
}
