import ArgumentParser
import Support

/// `asya version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version."
    )

    @OptionGroup var output: OutputOptions

    func run() {
        switch self.output.format {
        case .table: Console.output("asya \(BuildVersion.current)\n")
        case .json:
            Console.outputJSON { writer in
                writer.beginObject()
                writer.name("version")
                writer.string(BuildVersion.current)
                writer.endObject()
            }
        }
    }
}
