import Testing

@testable import Up

@Suite struct SearchTests {
    @Test("Python: a name is looked up, .venv beside the code wins over the default, a folder is an environment")
    func python() throws {
        let pythons = PlanTests.pythons
        #expect(try pythons.path(of: "python3", workdir: "/pipeline", actor: "a") == "/usr/bin/python3")
        #expect(try pythons.path(of: "python3", workdir: "/code", actor: "a") == "/code/.venv/bin/python")
        #expect(try pythons.path(of: "/envs/a", workdir: "/code", actor: "a") == "/envs/a/bin/python")
        #expect(try pythons.path(of: "/usr/bin/python3", workdir: "/code", actor: "a") == "/usr/bin/python3")
        for missing in ["python9", "/nowhere", "/envs/b/bin/python"] {
            #expect {
                try pythons.path(of: missing, workdir: "/code", actor: "the-actor")
            } throws: { error in
                "\(error)".contains("the-actor") && "\(error)".contains("asya.sh/python")
            }
        }
    }

    static func machine(_ files: Set<String>, _ environment: [String: String] = [:]) -> Toolkit.Machine {
        Toolkit.Machine(
            environment: environment,
            programFolder: "/opt/bin",
            isFile: { files.contains($0) },
            isExecutable: { files.contains($0) }
        )
    }

    @Test("the sidecar and the runtime are found as installed, as in the repository, and by variable")
    func toolkit() throws {
        let installed: Set<String> = ["/opt/bin/asya-sidecar", "/opt/bin/../share/asya/asya_runtime.py"]
        #expect(
            try Toolkit.find(on: Self.machine(installed), transport: .embedded)
                == Toolkit(sidecar: "/opt/bin/asya-sidecar", runtime: "/opt/bin/../share/asya/asya_runtime.py")
        )
        let source: Set<String> = ["/opt/bin/asya-sidecar", "/opt/bin/../Sources/Runtime/asya_runtime.py"]
        let inRepository = try Toolkit.find(on: Self.machine(source), transport: .embedded)
        #expect(inRepository.runtime == "/opt/bin/../Sources/Runtime/asya_runtime.py")
        #expect(throws: UpError.self) { try Toolkit.find(on: Self.machine(source), transport: .sqs) }
        let variables = ["ASYA_SIDECAR_BINARY": "/x", "ASYA_RUNTIME_PATH": "/y"]
        let named = try Toolkit.find(on: Self.machine(["/x", "/y"], variables), transport: .embedded)
        #expect(named == Toolkit(sidecar: "/x", runtime: "/y"))
    }

    @Test("the gateway is found beside the program, in PATH and by variable, and may be missing")
    func gateway() throws {
        let needed: Set<String> = ["/opt/bin/asya-sidecar", "/opt/bin/../share/asya/asya_runtime.py"]
        func find(_ files: Set<String>, _ environment: [String: String] = [:]) throws -> String? {
            try Toolkit.find(on: Self.machine(needed.union(files), environment), transport: .embedded).gateway
        }
        #expect(try find([]) == nil)
        let path = ["PATH": "/usr/bin:/apps"]
        #expect(try find(["/apps/asya-gateway"], path) == "/apps/asya-gateway")
        #expect(try find(["/apps/asya-gateway", "/opt/bin/asya-gateway"], path) == "/opt/bin/asya-gateway")
        #expect(try find(["/opt/bin/asya-gateway", "/g"], ["ASYA_GATEWAY_BINARY": "/g"]) == "/g")
        #expect(throws: UpError.self) { try find(["/opt/bin/asya-gateway"], ["ASYA_GATEWAY_BINARY": "/g"]) }
    }

    @Test("what is missing is named together with the variable that helps")
    func missing() {
        #expect {
            try Toolkit.find(on: Self.machine([]), transport: .embedded)
        } throws: { error in
            "\(error)".contains("ASYA_SIDECAR_BINARY")
        }
        #expect {
            let machine = Self.machine(["/opt/bin/asya-sidecar"], ["ASYA_RUNTIME_PATH": "/gone"])
            return try Toolkit.find(on: machine, transport: .embedded)
        } throws: { error in
            "\(error)".contains("ASYA_RUNTIME_PATH names /gone")
        }
    }

    @Test(
        "socket paths fit the kernel's limit, however deep the state directory lies",
        arguments: [1, 40, 60, 90, 300]
    )
    func sockets(length: Int) {
        let state = "/" + String(repeating: "d", count: length)
        let actors = ["a", String(repeating: "n", count: 30)]
        let folder = SocketPlace.folder(
            stateDirectory: state,
            shortFolder: "/run/user/1000",
            key: SocketPlace.key(of: state),
            actors: actors
        )
        for (number, actor) in actors.enumerated() {
            let pair = PairID(actor: actor, index: 99_999)
            let directory = SocketPlace.directory(
                folder: folder,
                stateDirectory: state,
                pair: pair,
                actorNumber: number
            )
            #expect("\(directory)/asya-runtime.sock".utf8.count <= SocketPlace.longestPath)
        }
        #expect((folder == "\(state)/run") == (length <= 40))
        #expect(SocketPlace.key(of: state) != SocketPlace.key(of: state + "x"))
    }
}
