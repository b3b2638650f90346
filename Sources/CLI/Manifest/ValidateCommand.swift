import ActorResource
import ArgumentParser
import ManifestFiles
import Support

/// `asya validate`: everything that is wrong with manifests, at its line, before anybody applies them.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check manifests against all rules of Kubernetes and the operator.",
        discussion: """
            Prints one line per finding, as compilers do: FILE:LINE:COLUMN: error|warning: FIELD: TEXT. The exit status is \
            0 when there are no errors, 1 when there are.
            """
    )

    @Option(
        name: [.customShort("f"), .customLong("file"), .customLong("filename")],
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Files, folders or - for standard input; default: the manifests of this folder.",
            valueName: "file"
        ),
        completion: .file()
    )
    var files: [String] = []

    @Flag(help: "Check only what matters to asya up: images may be missing, a handler may not.")
    var local = false

    @Flag(help: "Count warnings as errors.")
    var strict = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        let manifest: ActorManifest
        do throws(ManifestFiles.Failure) {
            manifest = try ManifestFiles.read(self.files, profile: self.local ? .local : .kubernetes)
        } catch {
            throw CommandFailure(error.description)
        }
        let isValid = manifest.isValid && !(self.strict && !manifest.findings.isEmpty)
        switch self.output.format {
        case .json: self.printJSON(manifest, isValid: isValid)
        case .table: for finding in manifest.findings { Console.output(Self.line(finding, Console.style) + "\n") }
        }
        self.summarize(manifest)
        guard !manifest.entries.isEmpty || !manifest.findings.isEmpty else {
            throw CommandFailure("there is no actor in these files", hints: ["asya new NAME makes one"])
        }
        if !isValid { throw ExitCode(ExitStatus.failure.rawValue) }
    }

    static func line(_ finding: Finding, _ style: TextStyle) -> String {
        let text = TextTable.printable(finding.description)
        guard style.hasColours, let range = text.firstRange(of: " \(finding.severity.rawValue): ") else { return text }
        let word = "\(finding.severity.rawValue):"
        let coloured = finding.severity == .error ? style.red(word) : style.yellow(word)
        return style.bold(String(text[..<range.lowerBound])) + " \(coloured) " + text[range.upperBound...]
    }

    private func summarize(_ manifest: ActorManifest) {
        let errors = manifest.findings.count { $0.severity == .error }
        let warnings = manifest.findings.count - errors
        let counts =
            "\(Quantity(manifest.entries.count, "actor")), \(Quantity(errors, "error")), "
            + "\(Quantity(warnings, "warning"))"
        if manifest.isValid { Console.success(counts) } else { Console.error(counts) }
        for foreign in manifest.foreignDocuments {
            let place = foreign.position.map { "\($0): " } ?? ""
            Console.information("\(place)kind \(TextTable.printable(foreign.kind)) is not checked")
        }
    }

    private func printJSON(_ manifest: ActorManifest, isValid: Bool) {
        Console.outputJSON { writer in
            writer.beginObject()
            writer.name("valid")
            writer.bool(isValid)
            writer.name("actors")
            writer.beginArray()
            for entry in manifest.entries {
                writer.beginObject()
                writer.name("name")
                writer.string(entry.actor.name)
                writer.name("file")
                writer.string(entry.file)
                writer.name("line")
                writer.integer(entry.position?.line ?? 0)
                writer.endObject()
            }
            writer.endArray()
            writer.name("findings")
            writer.beginArray()
            for finding in manifest.findings { Self.write(finding, to: &writer) }
            writer.endArray()
            writer.endObject()
        }
    }

    private static func write(_ finding: Finding, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("severity")
        writer.string(finding.severity.rawValue)
        writer.name("rule")
        writer.string(finding.rule.rawValue)
        writer.name("path")
        writer.string("\(finding.path)")
        writer.name("message")
        writer.string(finding.message)
        writer.name("file")
        writer.string(finding.position?.file ?? "")
        writer.name("line")
        writer.integer(finding.position?.line ?? 0)
        writer.name("column")
        writer.integer(finding.position?.column ?? 0)
        writer.endObject()
    }
}
