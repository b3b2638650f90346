import Glibc
import Logging
import Sidecar
import Support

// One envelope-moving process beside each runtime; configured by the environment alone (sidecar.md section 2).
let reader = EnvironmentReader.process
let level = Logger.Level.configured(by: reader)
LoggingSystem.bootstrap { _ in KeyValueLogHandler(level: level) }
let logger = Logger(label: "asya.sidecar")

do {
    let configuration = try SidecarConfiguration(reader)
    for warning in configuration.warnings { logger.warning("\(warning)") }
    exit(try Sidecar(configuration: configuration, logger: logger).run())
} catch {
    logger.error("\(error)")
    exit(1)
}
