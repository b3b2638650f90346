import Glibc
import Logging
import Sidecar
import SidecarSQS
import Support

// The sidecar with SQS: what asya-sidecar becomes when ASYA_TRANSPORT is sqs, and the one program of the image.
SidecarHelp.exitWithAnswer(to: Array(CommandLine.arguments.dropFirst()))
let reader = EnvironmentReader.process
let level = Logger.Level.configured(by: reader)
LoggingSystem.bootstrap { _ in KeyValueLogHandler(level: level) }
let logger = Logger(label: "asya.sidecar")

exit(Sidecar.main(reader, logger: logger, sqs: makeSQSTransport))
