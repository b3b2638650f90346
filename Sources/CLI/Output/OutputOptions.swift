import ArgumentParser

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    /// For people.
    case table
    /// For programs: one document, or one per line where a command says so.
    case json
}

/// `--output`, which every command has.
struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .customLong("output")], help: "How to print results: table or json.")
    var format: OutputFormat = .table
}
