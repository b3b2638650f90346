import ArgumentParser
import Up

/// `asya up`.
struct UpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the actors of a pipeline on this machine.",
        discussion: """
            Reads manifests, makes the queues, and runs each actor as pairs of sidecar and Python process, as many as \
            the queue asks for, down to none. Ctrl-C lets every pair finish its message; a second one stops at once. \
            What is still queued is worked on by the next asya up.

            Manifests are those that Kubernetes takes (kind AsyncActor) or a plain asya.yaml; images are ignored, the \
            code is taken from the manifest's folder. The queues are a file on this machine unless --transport names a \
            broker, which the ASYA_RABBITMQ_… or ASYA_SQS_… and AWS_… variables describe.

            A gateway runs beside the actors where its program asya-gateway is installed: every actor is an MCP tool, \
            or the routes that a tools.yaml beside the manifests names, with live progress and a page in the browser. \
            asya mcp in the same folder finds it.
            """
    )

    enum Transport: String, ExpressibleByArgument, CaseIterable {
        case embedded, rabbitmq, sqs

        var option: UpOptions.Transport {
            switch self {
            case .embedded: .embedded
            case .rabbitmq: .rabbitmq
            case .sqs: .sqs
            }
        }
    }

    @Option(name: [.short, .long], help: ArgumentHelp("Manifest, or folder of manifests.", valueName: "file|dir"))
    var file: [String] = []

    @OptionGroup var store: StoreOptions

    @Option(help: "embedded, rabbitmq or sqs.")
    var transport: Transport = .embedded

    @Option(help: ArgumentHelp("GPUs to hand out. Default: what nvidia-smi lists.", valueName: "n"))
    var gpus: Int?

    @Flag(help: "Start no gateway.")
    var noGateway = false

    @Option(help: ArgumentHelp("Port of the gateway on 127.0.0.1. Default: 8089, or a free one.", valueName: "n"))
    var gatewayPort: Int?

    @Option(
        help: ArgumentHelp(
            "Tools of the gateway. Default: tools.yaml beside the manifests, or a tool for each actor.",
            valueName: "file|dir"
        ),
        completion: .file()
    )
    var tools: String?

    @Flag(help: "Restart an actor when its Python files change.")
    var watch = false

    @Flag(help: "Print what would run, and end.")
    var dryRun = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let gpus = self.gpus, gpus < 0 { throw ValidationError("--gpus takes a number that is not negative") }
        if let port = self.gatewayPort, !(1...65_535).contains(port) {
            throw ValidationError("--gateway-port takes a number from 1 to 65535")
        }
        if self.noGateway, self.gatewayPort != nil || self.tools != nil {
            throw ValidationError("--no-gateway does not go with --gateway-port and --tools")
        }
    }

    func run() throws {
        let options = UpOptions(
            manifests: self.file,
            place: self.store.place,
            transport: self.transport.option,
            gpuCount: self.gpus,
            gateway: UpOptions.Gateway(
                isWanted: !self.noGateway,
                port: self.gatewayPort,
                toolsPath: self.tools
            ),
            watches: self.watch,
            isDryRun: self.dryRun,
            writesJSON: self.output.format == .json
        )
        let outcome: Up.Outcome
        do throws(UpError) {
            outcome = try Up.run(options)
        } catch {
            throw CommandFailure(error.description)
        }
        if outcome == .interrupted { throw ExitCode(ExitStatus.interrupted.rawValue) }
    }
}
