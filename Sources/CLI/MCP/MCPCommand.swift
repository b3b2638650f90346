import ArgumentParser
internal import LocalStore
internal import Support

/// `asya mcp`, whose syntax is that of the original's `asya-mcp` (cli.md 1).
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "List and call the tools of a gateway, follow and cancel their envelopes.",
        discussion: MCPCommand.help
    )

    @Argument(
        parsing: .captureForPassthrough,
        help: "A command with its options; see below.",
        completion: .custom { MCPCompletion.candidates($0, $1, $2) }
    )
    var words: [String] = []

    func run() async throws {
        let environment = EnvironmentReader.process
        let invocation: MCPInvocation
        do throws(MCPInvocation.UsageError) {
            invocation = try MCPInvocation(self.words, environment: environment) { Self.localURL(environment) }
        } catch {
            throw CommandFailure(error.text, hints: ["asya mcp --help shows all commands"], status: .misuse)
        }
        guard invocation.action != .help else {
            Console.output(Self.help + "\n")
            return
        }
        let status = try await MCPProgram(invocation, environment: environment).run()
        if status != .done { throw ExitCode(status.rawValue) }
    }

    /// The gateway of an `asya up` in this folder or one above.
    static func localURL(_ environment: EnvironmentReader) -> String? {
        RunningGateway.find(at: StorePlace.find(option: nil, environment: environment))?.url
    }

    static let help = """
        usage: asya mcp [options] COMMAND …      (also installed as asya-mcp)

        commands:
          list                     tools with their parameters, as YAML
          show TOOL                one tool with descriptions, defaults and options
          call TOOL [ARGUMENTS]    call a tool and follow its envelope to the end
          status ID                the envelope as JSON
          stream ID                follow an envelope: one JSON line per event
          wait ID [--timeout T]    wait for the end of an envelope
          cancel ID                cancel an envelope and its children
          ls [--status S] [--tool T] [--limit N]    envelopes, newest first
          children ID              envelopes that were split from this one

        arguments of call: a JSON object, or flags --name=value, --name value, --name (true), --name:=JSON,
        --name=@FILE; flags of an array parameter may be repeated.

        options, before the command:
          --url URL                the gateway (ASYA_CLI_MCP_URL; that of asya up in this folder;
                                   http://localhost:8089)
          --no-stream              call: print the answer instead of following the envelope
          --debug                  show requests and events (ASYA_CLI_MCP_DEBUG)
          --json                   JSON on standard output, no prose
          --protocol VERSION       MCP revision; without it the newest that the gateway speaks
          --token T, --token-file F    bearer token (ASYA_CLI_TOKEN)
          --cacert FILE, --insecure    certificates of the gateway
        options of call, before the tool: --idempotency-key KEY, --file FILE (- for standard input), --exit-zero,
        --cancel-on-interrupt

        examples:
          asya mcp list
          asya mcp call text-processor --text="Hello" --count=3
          asya mcp call text-processor '{"text": "Hello"}'
          asya mcp --no-stream call text-processor --text Hello

        exit status: 0 done, 1 failed, 2 wrong usage, 3 the envelope failed, 4 the tool refused the call, 5 the gateway
        does not have this function, 6 not finished in time, 130 interrupted
        """
}
