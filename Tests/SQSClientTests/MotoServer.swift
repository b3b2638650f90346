import AWS
import Foundation
import Support

@testable import QueueClient

/// A private moto (`tools/localservers/moto.py`), which implements SQS, STS and IAM. It ends with this process: its
/// command waits for the end of a pipe that is open as long as we live.
final class MotoServer: Sendable {
    /// Everybody may do everything.
    static let open = Result { try MotoServer(options: []) }
    /// Access keys and signatures are checked; the variables hold a key of a user who may do everything.
    static let guarded = Result { try MotoServer(options: ["--auth"]) }

    struct Failure: Error {
        let text: String
    }

    let variables: [String: String]
    private let process: Process
    private let lifeline: Pipe

    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private init(options: [String]) throws {
        let root = Self.repository
        let python = root.appendingPathComponent(".venv/bin/python")
        let process = Process()
        process.executableURL = python
        process.arguments = ["-m", "localservers.moto"] + options + ["--", "sh", "-c", "env; echo READY; cat >&2"]
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("AWS_") }
        environment["PYTHONPATH"] = root.appendingPathComponent("tools").path
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        process.environment = environment
        let output = Pipe()
        let lifeline = Pipe()
        process.standardInput = lifeline
        process.standardOutput = output
        do {
            try process.run()
        } catch {
            throw Failure(text: "cannot start \(python.path) (make .venv/installed): \(error)")
        }
        self.process = process
        self.lifeline = lifeline
        var text = ""
        while !text.hasSuffix("READY\n") {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure(text: "moto did not start: \(text)") }
            text += String(decoding: data, as: UTF8.self)
        }
        var variables: [String: String] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("AWS_") || line.hasPrefix("ASYA_") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            variables[String(line[..<equals])] = String(line[line.index(after: equals)...])
        }
        self.variables = variables
    }

    /// The configuration of a client, some variables replaced or, with an empty value, unset.
    func configuration(_ changes: [String: String] = [:]) throws -> SQSClientConfiguration {
        var configuration = try SQSClientConfiguration.resolved(
            environment: EnvironmentReader(self.variables.merging(changes) { $1 })
        )
        // The tests beside these keep the threads of Swift's pool busy.
        configuration.operationTimeout = .seconds(600)
        return configuration
    }
}
