import ActorResource
import ArgumentParser
import ManifestFiles
import Support

/// `asya manifests`: a plain `asya.yaml` as the custom resources that Kubernetes takes.
struct ManifestsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifests",
        abstract: "Print asya.yaml as AsyncActor manifests for Kubernetes.",
        discussion: """
            For a pipeline that outgrows one machine: asya manifests --image registry.example/{actor}:1 > actors.yaml, then \
            kubectl apply -f actors.yaml. What is printed has been checked against all rules of Kubernetes and the \
            operator, and runs with asya up -f actors.yaml too, in the same folder.
            """
    )

    @Option(name: [.short, .long], help: ArgumentHelp("Plain form; default: asya.yaml.", valueName: "file"))
    var file = "asya.yaml"

    @Option(
        help: ArgumentHelp(
            "Image of the actors that name none; {actor} stands for the actor's name.",
            valueName: "image"
        )
    )
    var image: String?

    @Option(
        help: ArgumentHelp(
            "A transport of the cluster's operator. Default: the file's, or rabbitmq where that is embedded.",
            valueName: "name"
        )
    )
    var transport: String?

    @Flag(help: "Count warnings as errors.")
    var strict = false

    func run() throws {
        let source = try self.read(profile: .local)
        for finding in source.findings where finding.severity == .error { Console.error("\(finding)") }
        guard source.isValid else { throw CommandFailure("\(self.file) has to be valid first: nothing was written") }
        guard !source.entries.isEmpty else { throw CommandFailure("there is no actor in \(self.file)") }
        if let entry = source.entries.first(where: { !$0.isPlain }) {
            let place = entry.position.map { "\($0)" } ?? entry.file
            throw CommandFailure(
                "\(place): \(TextTable.printable(entry.actor.name)) is a manifest for Kubernetes already",
                hints: ["kubectl apply takes it as it is; asya manifests is for the plain form"]
            )
        }
        let conversion = PlainConversion(image: self.image, transport: self.transport)
        let actors = source.entries.map { conversion.resource(of: $0.actor) }
        let nameless = actors.filter { ($0.runtimeContainer?.image ?? "").isEmpty }.map(\.name)
        guard nameless.isEmpty else {
            throw CommandFailure(
                "no image for \(nameless.joined(separator: ", ")): Kubernetes takes the code from one",
                hints: ["set image: in \(self.file), or --image registry.example/{actor}:1"]
            )
        }
        let documents = actors.compactMap(\.yaml)
        guard documents.count == actors.count else {
            throw CommandFailure("a text in \(self.file) has no form in YAML")
        }
        try self.check(documents)
        Console.output(documents.joined(separator: "---\n"))
        Console.success("\(Quantity(actors.count, "actor")) for transport \(actors.first?.spec.transport ?? "")")
    }

    private func read(profile: ActorManifest.Profile) throws -> ActorManifest {
        do throws(ManifestFiles.Failure) {
            return try ManifestFiles.read([self.file], profile: profile)
        } catch {
            throw CommandFailure(error.description)
        }
    }

    /// As `asya validate` will.
    private func check(_ documents: [String]) throws {
        var manifest = ActorManifest(profile: .kubernetes)
        for document in documents { manifest.add(yaml: document, file: "output") }
        for finding in manifest.findings {
            var placed = finding
            placed.position = nil
            Console.warning(TextTable.printable("\(placed)"))
        }
        guard manifest.isValid, !(self.strict && !manifest.findings.isEmpty) else {
            throw CommandFailure("Kubernetes would not take these actors: nothing was written")
        }
    }
}

/// What changes on the way from one machine to a cluster. Pure.
struct PlainConversion: Equatable {
    /// What `asya up` needs no broker for; no operator has it.
    private static let localTransport = "embedded"
    static let usualTransport = "rabbitmq"

    var image: String?
    var transport: String?

    func resource(of actor: AsyncActor) -> AsyncActor {
        var actor = actor
        let own = actor.spec.transport == Self.localTransport ? Self.usualTransport : actor.spec.transport
        actor.spec.transport = self.transport ?? own
        guard let image = self.image?.replacing("{actor}", with: actor.name) else { return actor }
        var workload = actor.spec.workload
        let containers = workload.containers.map { container in
            var members = container.json.members ?? [:]
            if container.image.isEmpty { members["image"] = .string(image) }
            return JSONValue.object(members)
        }
        workload = AsyncActor.Workload(
            kind: workload.kind,
            replicas: workload.replicas,
            pythonExecutable: workload.pythonExecutable,
            template: .object(["spec": .object(["containers": .array(containers)])])
        )
        actor.spec.workload = workload
        return actor
    }
}
