import Gateway
import Glibc
import Logging
import Support

// The front door: tools over MCP and REST; configured by the environment alone (gateway.md section 1).
if let text = GatewayHelp.answer(to: Array(CommandLine.arguments.dropFirst())) {
    print(text)
    exit(0)
}
if CommandLine.arguments.dropFirst().first == "check" {
    let answer = await GatewayCheck.run(Array(CommandLine.arguments.dropFirst(2)))
    print(answer.text)
    exit(answer.exitStatus)
}
let reader = EnvironmentReader.process
let level = Logger.Level.configured(by: reader)
let configuration = GatewayConfiguration(reader)
LoggingSystem.bootstrap { _ in
    if configuration.logsJSON { return JSONLogHandler(level: level) }
    return KeyValueLogHandler(level: level)
}
let logger = Logger(label: "asya.gateway")
// A client that goes away while it is written to is an error of that connection, not the end of the process.
signal(SIGPIPE, SIG_IGN)

do {
    let gateway = Gateway(configuration: configuration, reader: reader, logger: logger)
    switch CommandLine.arguments.dropFirst().first {
    case nil: try await gateway.run()
    case "migrate": try gateway.migrate()
    case let argument?:
        logger.error("Unknown argument; see --help", metadata: ["argument": "\(argument)"])
        exit(2)
    }
} catch {
    logger.error("\(error)")
    exit(1)
}
