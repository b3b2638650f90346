import ActorResource
import Support
import Testing

@testable import Operator

@Suite("Desired Deployment")
struct DesiredDeploymentTests {
    @Test("one runtime container becomes exactly runtime and sidecar")
    func containers() throws {
        let pod = try self.pod(Samples.actor())
        let names = pod["containers"]?.elements?.compactMap { $0["name"]?.string }
        #expect(names == ["asya-runtime", "asya-sidecar"])
        #expect(pod["initContainers"] == nil)
        let volumes = pod["volumes"]?.elements?.compactMap { $0["name"]?.string }
        #expect(volumes == ["socket-dir", "tmp", "asya-runtime"])
        #expect(pod["volumes"]?.elements?[2]["configMap"]?["defaultMode"]?.integer == 493)
        #expect(pod["terminationGracePeriodSeconds"]?.integer == 30)
        #expect(pod["serviceAccountName"] == nil)
    }

    @Test("the runtime container gets command, variables, mounts and probes")
    func runtime() throws {
        let actor = Samples.actor { $0.spec.workload.pythonExecutable = "/opt/venv/bin/python" }
        let container = try #require(try self.pod(actor)["containers"]?.elements?.first)
        #expect(container["command"] == ["/opt/venv/bin/python", "/opt/asya/asya_runtime.py"])
        #expect(container["env"]?.elements?.last == ["name": "ASYA_SOCKET_DIR", "value": "/var/run/asya"])
        let mounts = container["volumeMounts"]?.elements?.compactMap { $0["mountPath"]?.string }
        #expect(mounts == ["/var/run/asya", "/tmp", "/opt/asya/asya_runtime.py"])
        #expect(container["startupProbe"]?["failureThreshold"]?.integer == 150)
        #expect(container["livenessProbe"]?["initialDelaySeconds"] == nil)
        let command = container["readinessProbe"]?["exec"]?["command"]
        let test = "test -S /var/run/asya/asya-runtime.sock && test -f /var/run/asya/runtime-ready"
        #expect(command == ["sh", "-c", .string(test)])
    }

    @Test("the user's probe, args, and mount at /tmp stay")
    func ownWishes() throws {
        var container = Samples.container
        container.set("livenessProbe", ["httpGet": ["path": "/x", "port": 1]])
        container.set("args", ["--fast"])
        container.set("volumeMounts", [["name": "scratch", "mountPath": "/tmp"]])
        let built = try #require(try self.pod(Samples.actor(containers: [container]))["containers"]?.elements?.first)
        #expect(built["livenessProbe"]?["httpGet"] != nil)
        #expect(built["args"] == ["--fast"])
        let mounts = built["volumeMounts"]?.elements?.compactMap { $0["name"]?.string }
        #expect(mounts == ["scratch", "socket-dir", "asya-runtime"])
    }

    @Test("end actors do not validate, others have no such variable", arguments: ["happy-end", "error-end", "other"])
    func endActors(name: String) throws {
        let pod = try self.pod(Samples.actor(name: name))
        let names = pod["containers"]?.elements?[0]["env"]?.elements?.compactMap { $0["name"]?.string } ?? []
        #expect(names.contains("ASYA_ENABLE_VALIDATION") == (name != "other"))
        let sidecar = pod["containers"]?.elements?[1]["env"]?.elements?.compactMap { $0["name"]?.string } ?? []
        #expect(sidecar.contains("ASYA_IS_END_ACTOR") == (name != "other"))
    }

    @Test("a repeated variable stands once, at its first place with its last value")
    func repeated() throws {
        var container = Samples.container
        container.set(
            "env",
            [["name": "A", "value": "1"], ["name": "B", "value": "2"], ["name": "A", "value": "3"]]
        )
        let built = try #require(try self.pod(Samples.actor(containers: [container]))["containers"]?.elements?.first)
        let env = Array(built["env"]?.elements?.prefix(2) ?? [])
        #expect(env == [["name": "A", "value": "3"], ["name": "B", "value": "2"]])
    }

    @Test("labels: ours are added, the user's stay, asya.sh/actor is never selected by")
    func labels() throws {
        let body = try self.deployment(Samples.actor(labels: ["team": "vision"])).body
        let selector = body["spec"]?["selector"]?["matchLabels"]?.strings
        #expect(selector == ["app": "word-counter", "asya.sh/asya": "word-counter", "asya.sh/workload": "deployment"])
        let labels = body["spec"]?["template"]?["metadata"]?["labels"]?.strings
        #expect(labels?["team"] == "vision")
        #expect(labels?["asya.sh/actor"] == "word-counter")
        #expect(body["metadata"]?["labels"]?["asya.sh/asya"]?.string == "word-counter")
    }

    @Test("a user's own app label is not selected by, so that the API server accepts the Deployment")
    func ownAppLabel() throws {
        let body = try self.deployment(Samples.actor(labels: ["app": "mine"])).body
        #expect(body["spec"]?["selector"]?["matchLabels"]?["app"] == nil)
        #expect(body["spec"]?["template"]?["metadata"]?["labels"]?["app"]?.string == "mine")
    }

    @Test("the selector of an existing Deployment is kept and forced onto the template")
    func existingSelector() throws {
        let transport = try Samples.rabbitMQ()
        let input = Samples.input(Samples.actor(labels: ["app": "mine"]), transport) { input in
            input.selector = ["app": "old", "asya.sh/asya": "word-counter"]
        }
        let body = DesiredDeployment(input).object.body
        #expect(body["spec"]?["selector"]?["matchLabels"]?["app"]?.string == "old")
        #expect(body["spec"]?["template"]?["metadata"]?["labels"]?["app"]?.string == "old")
    }

    @Test("replicas are never part of the main apply")
    func replicas() throws {
        let transport = try Samples.rabbitMQ()
        let manual = try DesiredState(Samples.input(Samples.actor { $0.spec.workload.replicas = 3 }, transport))
        #expect(manual.deployment.body["spec"]?["replicas"] == nil)
        #expect(manual.replicas == 3)
        let scaled = try DesiredState(Samples.input(Samples.actor { $0.spec.scaling.enabled = true }, transport))
        #expect(scaled.replicas == nil)
    }

    @Test("the owner reference is the controller's and blocks")
    func owner() throws {
        let body = try self.deployment(Samples.actor()).body
        #expect(
            body["metadata"]?["ownerReferences"] == [
                [
                    "apiVersion": "asya.sh/v1alpha1", "kind": "AsyncActor", "name": "word-counter", "uid": "uid-1",
                    "controller": true, "blockOwnerDeletion": true,
                ]
            ]
        )
    }

    @Test("a native sidecar is the last init container and restarts; the annotation wins over the operator's setting")
    func nativeSidecar() throws {
        let transport = try Samples.rabbitMQ()
        let actor = Samples.actor(pod: ["initContainers": [["name": "setup", "image": "x"]]])
        let input = Samples.input(actor, transport) { $0.settings.usesNativeSidecar = true }
        let pod = DesiredDeployment(input).object.body["spec"]?["template"]?["spec"]
        let names = pod?["initContainers"]?.elements?.compactMap { $0["name"]?.string }
        #expect(names == ["setup", "asya-sidecar"])
        #expect(pod?["initContainers"]?.elements?.last?["restartPolicy"]?.string == "Always")
        #expect(pod?["containers"]?.elements?.count == 1)
        var plain = input
        plain.annotations = [DesiredDeployment.nativeSidecarAnnotation: "false"]
        let other = DesiredDeployment(plain).object.body["spec"]?["template"]?["spec"]
        #expect(other?["containers"]?.elements?.count == 2)
    }

    @Test("the sidecar's image, policy, port, resources and hardening follow actor and operator")
    func sidecar() throws {
        let transport = try Samples.rabbitMQ()
        let plain = SidecarContainer.object(Samples.input(Samples.actor(), transport))
        #expect(plain["image"]?.string == "asya-sidecar:latest")
        #expect(plain["imagePullPolicy"]?.string == "IfNotPresent")
        #expect(plain["resources"] == nil)
        #expect(plain["securityContext"] == nil)
        #expect(plain["ports"] == [["name": "asya-metrics", "containerPort": 8080]])
        let actor = Samples.actor { actor in
            actor.spec.sidecar.image = "other:1"
            actor.spec.sidecar.imagePullPolicy = "Never"
        }
        let input = Samples.input(actor, transport) { input in
            input.settings.sidecarResources = ["limits": ["memory": "64Mi"]]
            input.settings.hardensSidecar = true
        }
        let rich = SidecarContainer.object(input)
        #expect(rich["image"]?.string == "other:1")
        #expect(rich["imagePullPolicy"]?.string == "Never")
        #expect(rich["resources"] == ["limits": ["memory": "64Mi"]])
        #expect(rich["securityContext"]?["readOnlyRootFilesystem"]?.boolean == true)
    }

    @Test("the variables of a RabbitMQ sidecar in their order")
    func rabbitMQVariables() throws {
        let config = """
            {"host":"mq","port":5673,"username":"app","passwordSecretRef":{"name":"mq-secret","key":"pw"},
            "queues":{"dlq":{"enabled":true,"maxRetryCount":5}}}
            """
        let actor = Samples.actor { actor in
            actor.spec.sidecar.env = [EnvironmentEntry(name: "ASYA_LOG_LEVEL", value: "debug")]
        }
        let variables = SidecarEnvironment.variables(Samples.input(actor, try Samples.rabbitMQ(config)))
        let names = variables.compactMap { $0["name"]?.string }
        #expect(
            names == [
                "ASYA_LOG_LEVEL", "ASYA_GATEWAY_URL", "ASYA_ACTOR_NAME", "ASYA_ACTOR_HAPPY_END", "ASYA_ACTOR_ERROR_END",
                "ASYA_RUNTIME_TIMEOUT", "ASYA_TRANSPORT", "ASYA_RABBITMQ_HOST", "ASYA_RABBITMQ_PORT",
                "ASYA_RABBITMQ_USERNAME", "ASYA_RABBITMQ_PASSWORD", "ASYA_RABBITMQ_EXCHANGE", "ASYA_QUEUE_AUTO_CREATE",
                "ASYA_QUEUE_MAX_DELIVERIES", "ASYA_QUEUE_DLQ", "ASYA_SOCKET_DIR",
            ]
        )
        func value(_ name: String) -> String? { variables.first { $0["name"]?.string == name }?["value"]?.string }
        #expect(value("ASYA_LOG_LEVEL") == "debug")
        #expect(value("ASYA_GATEWAY_URL") == "")
        #expect(value("ASYA_RUNTIME_TIMEOUT") == "300s")
        #expect(value("ASYA_RABBITMQ_PORT") == "5673")
        #expect(value("ASYA_RABBITMQ_EXCHANGE") == "asya")
        #expect(value("ASYA_QUEUE_DLQ") == "asya-word-counter-dlq")
        let password = variables.first { $0["name"]?.string == "ASYA_RABBITMQ_PASSWORD" }
        #expect(password?["valueFrom"]?["secretKeyRef"] == ["name": "mq-secret", "key": "pw"])
    }

    @Test("the gateway's address: the operator's, else the runtime container's own")
    func gatewayURL() throws {
        let transport = try Samples.rabbitMQ()
        var container = Samples.container
        container.set("env", [["name": "ASYA_GATEWAY_URL", "value": "http://own"]])
        let input = Samples.input(Samples.actor(containers: [container]), transport)
        #expect(SidecarEnvironment.variables(input)[1]["value"]?.string == "http://own")
        var other = input
        other.settings.gatewayURL = "http://operator"
        #expect(SidecarEnvironment.variables(other)[1]["value"]?.string == "http://operator")
    }

    @Test("SQS variables appear only when they are set, and a role brings its ServiceAccount")
    func sqs() throws {
        let bare = SidecarEnvironment.variables(Samples.input(Samples.actor(), try Samples.sqs("{}")))
        #expect(!bare.contains { $0["name"]?.string?.hasPrefix("ASYA_SQS") == true })
        let role = "arn:aws:iam::1:role/actor"
        let transport = try Samples.sqs(
            #"{"region":"eu-west-1","visibilityTimeout":300,"waitTimeSeconds":20,"actorRoleArn":"\#(role)"}"#
        )
        let state = try DesiredState(Samples.input(Samples.actor(), transport))
        let account = try #require(state.serviceAccount)
        #expect(account.key.name == "asya-word-counter")
        #expect(account.body["metadata"]?["annotations"]?["eks.amazonaws.com/role-arn"]?.string == role)
        let pod = state.deployment.body["spec"]?["template"]?["spec"]
        #expect(pod?["serviceAccountName"]?.string == "asya-word-counter")
    }

    @Test("a ServiceAccount of the user's own cannot be combined with a role")
    func ownServiceAccount() throws {
        let transport = try Samples.sqs(#"{"actorRoleArn":"arn:x"}"#)
        let input = Samples.input(Samples.actor(pod: ["serviceAccountName": "mine"]), transport)
        #expect(
            throws: DesiredStateError(
                description: "cannot use custom serviceAccountName \"mine\" when IRSA (actorRoleArn) is configured: "
                    + "remove serviceAccountName from spec or disable IRSA"
            )
        ) { try DesiredState(input) }
    }

    @Test("other kinds of workload are refused with the original's words")
    func kinds() throws {
        let transport = try Samples.rabbitMQ()
        let stateful = Samples.input(Samples.actor { $0.spec.workload.kind = "StatefulSet" }, transport)
        #expect(throws: DesiredStateError(description: "StatefulSet support not yet implemented")) {
            try DesiredState(stateful)
        }
        let strange = Samples.input(Samples.actor { $0.spec.workload.kind = "Job" }, transport)
        let text = "unsupported workload kind: Job (only Deployment and StatefulSet are supported)"
        #expect(throws: DesiredStateError(description: text)) { try DesiredState(strange) }
    }

    @Test("a pod spec of any shape passes through")
    func passThrough() throws {
        let extra: [String: JSONValue] = [
            "nodeSelector": ["gpu": "true"], "priorityClassName": "high", "runtimeClassName": "nvidia",
            "tolerations": [["key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"]],
            "someFutureField": ["deep": [1, 2, ["x": "y"]]],
        ]
        let pod = try self.pod(Samples.actor(pod: extra))
        for (name, value) in extra { #expect(pod[name] == value) }
    }

    private func deployment(_ actor: AsyncActor) throws -> DesiredObject {
        DesiredDeployment(Samples.input(actor, try Samples.rabbitMQ())).object
    }

    private func pod(_ actor: AsyncActor) throws -> JSONValue {
        try #require(try self.deployment(actor).body["spec"]?["template"]?["spec"])
    }
}
