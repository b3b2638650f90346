import CProcess
import FoundationEssentials
import Glibc
import Logging
import Operator
import Support

// One Deployment in the cluster turns AsyncActors into running actors (operator.md).
signal(SIGPIPE, SIG_IGN)
cprocess_share_heap()
let environment = ProcessInfo.processInfo.environment
if CommandLine.arguments.dropFirst().first == "check" {
    exit(await InstallationCheck.run(Array(CommandLine.arguments.dropFirst(2)), environment: environment))
}
let flags: OperatorFlags
switch OperatorFlags.parse(Array(CommandLine.arguments.dropFirst())) {
case .run(let parsed): flags = parsed
case .help:
    print(OperatorFlags.help)
    exit(0)
case .reference:
    print(OperatorFlags.markdown)
    exit(0)
case .misuse(let text):
    let usage = Array("\(text)\n\n\(OperatorFlags.help)".utf8)
    _ = usage.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    exit(2)
}
let level = flags.logLevel
let logsJSON = flags.logsJSON
LoggingSystem.bootstrap { label -> any LogHandler in
    if logsJSON { return JSONLogHandler(label: label, level: level) }
    return KeyValueLogHandler(level: level, descriptor: STDERR_FILENO)
}
let logger = Logger(label: "asya.operator")

do {
    let host = ProcessInfo.processInfo.hostName
    let configuration = OperatorConfiguration(flags: flags, environment: environment, hostName: host)
    for warning in configuration.warnings { logger.warning("\(warning)") }
    exit(try await Operator(configuration: configuration, environment: environment, logger: logger).run())
} catch {
    logger.error("\(error)")
    exit(1)
}
