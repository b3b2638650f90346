import Testing

@testable import ActorResource

@Suite struct PlainFormTests {
    private let text = """
        transport: embedded
        namespace: demo
        python: .venv
        env: {LEVEL: 1.50, DEBUG: yes}
        timeout: 90s
        actors:
          split: text.split
          score:
            handler: score.Model.run
            mode: envelope
            workdir: models
            python: python3.11
            env: {LEVEL: "2", ASYA_LOG_LEVEL: DEBUG}
            scaling: {maxReplicas: 8, queueLength: 2}
            timeout: 5m
            gracefulShutdown: 10
            gpu: 2
            image: registry.example/score:1
        """

    @Test("a handler is enough, settings at the top are for all actors")
    func short() throws {
        let result = read(self.text)
        #expect(result.findings.filter { $0.severity == .error } == [])
        let split = try #require(result.entries.first)
        #expect(split.isPlain && split.actor.name == "split")
        #expect(split.position == SourcePosition(file: "actor.yaml", line: 7, column: 3))
        #expect(split.actor.metadata.namespace == "demo")
        #expect(split.actor.spec.transport == "embedded")
        #expect(split.actor.spec.timeout == AsyncActor.Timeout(processing: 90, gracefulShutdown: 30))
        #expect(split.actor.spec.scaling == AsyncActor.Scaling(cooldownPeriod: 60))
        #expect(
            split.actor.runtimeContainer?.env == [
                EnvironmentEntry(name: "ASYA_HANDLER", value: "text.split"),
                EnvironmentEntry(name: "LEVEL", value: "1.50"), EnvironmentEntry(name: "DEBUG", value: "yes"),
            ]
        )
        #expect(split.actor.localPython(relativeTo: "/p") == "/p/.venv")
        #expect(split.actor.localWorkdir(relativeTo: "/p") == "/p")
    }

    @Test("settings of an actor win")
    func long() throws {
        let score = try #require(read(self.text).entries.last?.actor)
        #expect(score.spec.timeout == AsyncActor.Timeout(processing: 300, gracefulShutdown: 10))
        #expect(
            score.spec.scaling.enabled && score.spec.scaling.maxReplicas == 8 && score.spec.scaling.queueLength == 2
        )
        #expect(score.runtimeContainer?.gpuCount == 2)
        #expect(score.runtimeContainer?.image == "registry.example/score:1")
        #expect(
            score.runtimeContainer?.env == [
                EnvironmentEntry(name: "ASYA_HANDLER", value: "score.Model.run"),
                EnvironmentEntry(name: "ASYA_HANDLER_MODE", value: "envelope"),
                EnvironmentEntry(name: "DEBUG", value: "yes"), EnvironmentEntry(name: "LEVEL", value: "2"),
                EnvironmentEntry(name: "ASYA_LOG_LEVEL", value: "DEBUG"),
            ]
        )
        #expect(score.localPython(relativeTo: "/p") == "python3.11")
        #expect(score.localWorkdir(relativeTo: "/p") == "/p/models")
    }

    @Test(
        "mistakes are named with the field as it was written",
        arguments: [
            ("actors: {}", ["actor.yaml:1:1: error: actors: names no actor"]),
            ("actors: [a]", ["actor.yaml:1:1: error: actors: must be a mapping, not a list"]),
            ("actors: {a: 5}", ["actor.yaml:1:10: error: actors.a: must be a mapping, not an integer"]),
            (
                "actors:\n  a: handler",
                [
                    "actor.yaml:2:3: error: actors.a.handler: \"handler\" is no handler: write module.function or "
                        + "module.Class.method, in letters, digits and '_'"
                ]
            ),
            (
                "actors:\n  a: {timeout: 5, handler: my-code.f}",
                [
                    "actor.yaml:2:19: error: actors.a.handler: \"my-code.f\" is no handler: write module.function or "
                        + "module.Class.method, in letters, digits and '_'"
                ]
            ),
            ("actors: {a: {}}", ["actor.yaml:1:10: error: actors.a.handler: is required"]),
            (
                "actors:\n  a: {handler: h.f, timout: 5}",
                ["actor.yaml:2:21: error: actors.a.timout: unknown field; did you mean \"timeout\"?"]
            ),
            (
                "actors:\n  a: {handler: h.f, timeout: soon}",
                [
                    "actor.yaml:2:21: error: actors.a.timeout: must be whole seconds (90) or a duration (90s, 5m), not "
                        + "a string"
                ]
            ),
            (
                "actors:\n  a: {handler: h.f, scaling: {minReplicas: 9, maxReplicas: 2}}",
                [
                    "actor.yaml:2:31: error: actors.a.scaling.minReplicas: spec.scaling.minReplicas (9) must not be "
                        + "greater than spec.scaling.maxReplicas (2)"
                ]
            ),
            (
                "actors:\n  A_b: h.f",
                [
                    "actor.yaml:2:3: error: actors.A_b: \"A_b\" is no name for Kubernetes: lower-case letters, digits, "
                        + "'-' and '.', beginning and ending with a letter or digit, at most 253 characters"
                ]
            ),
            (
                "actors: {a: {handler: h.f, mode: both}}",
                ["actor.yaml:1:28: error: actors.a.mode: must be one of payload, envelope, not \"both\""]
            ),
        ]
    )
    func mistakes(text: String, expected: [String]) {
        let errors = read(text, profile: .local).findings.filter { $0.severity == .error }.map(\.description)
        #expect(expected.allSatisfy { errors.contains($0) }, "\(errors)")
    }

    @Test(
        "paths for local running follow the manifest's folder",
        arguments: [
            (nil, nil, "/p", "python3"), ("", "", "/p", "python3"), (".", "python3.9", "/p", "python3.9"),
            ("./x", "venv/bin/python", "/p/x", "/p/venv/bin/python"),
            ("/abs", "/usr/bin/python3", "/abs", "/usr/bin/python3"),
            ("..", ".venv", "/p/..", "/p/.venv"),
        ] as [(String?, String?, String, String)]
    )
    func local(workdir: String?, python: String?, expectedWorkdir: String, expectedPython: String) {
        var actor = ActorDecoder.actor(SourceNode(.null), defaults: .schema)
        actor.metadata.annotations[AsyncActor.workdirAnnotation] = workdir
        actor.metadata.annotations[AsyncActor.pythonAnnotation] = python
        #expect(actor.localWorkdir(relativeTo: "/p") == expectedWorkdir)
        #expect(actor.localPython(relativeTo: "/p") == expectedPython)
    }
}
