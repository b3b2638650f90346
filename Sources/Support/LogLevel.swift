public import Logging

extension Logger.Level {
    /// The row of `ASYA_LOG_LEVEL`, which every program of the project reads.
    public static let variable = EnvironmentVariable<Logger.Level>(
        name: "ASYA_LOG_LEVEL",
        default: .info,
        defaultText: "INFO",
        format: "`DEBUG`, `INFO`, `WARN` (or `WARNING`), `ERROR`, in any case",
        text: "Least important level that is logged."
    ) { text in
        switch lowercasedASCII(text) {
        case "debug": .value(.debug)
        case "info": .value(.info)
        case "warn", "warning": .value(.warning)
        case "error": .value(.error)
        default: .invalid(reason: "not a log level")
        }
    }

    /// The level the environment asks for, before there is a logger to warn about it.
    public static func configured(by reader: EnvironmentReader) -> Logger.Level {
        var reader = reader
        return reader.read(self.variable)
    }
}
