import Glibc
import Logging
import Sidecar
import Support

// One envelope-moving process beside each runtime; configured by the environment alone (sidecar.md section 2).
SidecarHelp.exitWithAnswer(to: Array(CommandLine.arguments.dropFirst()))
let reader = EnvironmentReader.process
let level = Logger.Level.configured(by: reader)
LoggingSystem.bootstrap { _ in KeyValueLogHandler(level: level) }
let logger = Logger(label: "asya.sidecar")

if SQSProgram.isWanted(reader) {
    logger.error("\(SQSProgram.replaceThisProcess())")
    exit(1)
}
exit(Sidecar.main(reader, logger: logger))
