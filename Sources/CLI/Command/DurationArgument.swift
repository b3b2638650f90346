import ArgumentParser
import Support

/// A length of time on the command line: `30s`, `1m30s`, or whole seconds.
struct DurationArgument: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration
    let description: String

    init?(argument: String) {
        if let seconds = Int32(argument), seconds >= 0 {
            self.duration = .seconds(seconds)
        } else if let parsed = GoDuration(parsing: argument), parsed.nanoseconds >= 0 {
            self.duration = parsed.duration
        } else {
            return nil
        }
        self.description = argument
    }

    var defaultValueDescription: String { self.description }
}
