import Glibc
package import Logging
package import Support

extension Sidecar {
    /// The whole program but for its logging: reads the configuration, says what is wrong with it, runs.
    ///
    /// - Returns: the exit status of `sidecar.md` section 12.
    package static func main(_ reader: EnvironmentReader, logger: Logger, sqs: TransportFactory? = nil) -> Int32 {
        do {
            let configuration = try SidecarConfiguration(reader)
            for warning in configuration.warnings { logger.warning("\(warning)") }
            return try Sidecar(configuration: configuration, logger: logger, sqs: sqs).run()
        } catch {
            logger.error("\(error)")
            return 1
        }
    }
}

/// The program that takes this one's place when SQS is configured.
///
/// SQS needs libcurl, which is built from its source first (tools/build-curl.sh): a minute that somebody who only wants
/// to run pipelines on one machine should not wait for. So this program knows nothing of it, and lets the other one,
/// which lies beside it, do the work. To users there is one program, `asya-sidecar`; images hold only the other one
/// under this name, since it knows every transport.
package enum SQSProgram {
    /// Beside this program under its own name with this ending, else in the search path.
    private static let suffix = "-sqs"
    private static let name = "asya-sidecar-sqs"

    /// Whether the configuration asks for it.
    package static func isWanted(_ reader: EnvironmentReader) -> Bool {
        reader.text(SidecarConfiguration.Variables.transport.name) == SidecarConfiguration.TransportKind.sqs.rawValue
    }

    /// Becomes that program, with the same arguments and environment. Returns only when that is not possible.
    package static func replaceThisProcess() -> ConfigurationError {
        let arguments = CommandLine.unsafeArgv
        if let path = self.ownPath.map({ $0 + self.suffix }) { execv(path, arguments) }
        execvp(self.name, arguments)
        let reason = systemErrorText(-errno)
        return .invalid(
            variable: SidecarConfiguration.Variables.transport.name,
            problem: "is sqs, but \(self.name) cannot be started (\(reason)); put it beside asya-sidecar"
        )
    }

    private static var ownPath: String? {
        guard let path = realpath("/proc/self/exe", nil) else { return nil }
        defer { free(path) }
        return String(cString: path)
    }
}
