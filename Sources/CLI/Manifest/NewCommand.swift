import ArgumentParser
import Glibc
import LocalStore
import Support

/// `asya new`: a folder with a working actor.
struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Make a folder with a working actor: handler, test, manifest.",
        discussion: "Nothing that exists is overwritten."
    )

    @Argument(help: "Name of the actor: lower-case letters, digits and '-'.")
    var name: String

    @Option(help: ArgumentHelp("The folder to make; default: the actor's name.", valueName: "folder"))
    var folder: String?

    @Option(help: "spec.transport of the manifest.")
    var transport = "embedded"

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard ActorName.isValid(self.name) else {
            throw ValidationError(
                "\"\(self.name)\" is no name for an actor: lower-case letters, digits and '-', beginning and ending "
                    + "with a letter or digit, at most \(ActorName.lengthLimit) characters"
            )
        }
        guard ActorName.isValid(self.transport) else {
            throw ValidationError(
                "\"\(self.transport)\" is no name of a transport; usual are embedded, rabbitmq and sqs"
            )
        }
    }

    func run() throws {
        let folder = self.folder ?? self.name
        let files = ActorTemplate(name: self.name, transport: self.transport).files
        for file in files where access("\(folder)/\(file.name)", F_OK) == 0 {
            throw CommandFailure(
                "\(folder)/\(file.name) exists already; nothing was written",
                hints: ["choose another name, or another folder with --folder"]
            )
        }
        try self.makeFolder(folder)
        for file in files { try self.write(file.text, to: "\(folder)/\(file.name)") }
        switch self.output.format {
        case .table: self.explain(folder, files.map(\.name))
        case .json:
            Console.outputJSON { writer in
                writer.beginObject()
                writer.name("actor")
                writer.string(self.name)
                writer.name("folder")
                writer.string(folder)
                writer.name("files")
                writer.beginArray()
                for file in files { writer.string("\(folder)/\(file.name)") }
                writer.endArray()
                writer.endObject()
            }
        }
    }

    private func explain(_ folder: String, _ names: [String]) {
        for name in names { Console.output("\(folder)/\(name)\n") }
        Console.success("made the actor \(self.name)")
        Console.information("test it:   python3 \(folder)/test_handler.py")
        Console.information("run it:    asya up -f \(folder)")
        Console.information("use it:    asya send \(self.name) --payload '{\"text\": \"to be or not\"}' --wait")
    }

    private func makeFolder(_ folder: String) throws {
        guard mkdir(folder, 0o777) != 0, errno != EEXIST else { return }
        throw CommandFailure("cannot make the folder \(folder): \(String(cString: strerror(errno)))")
    }

    /// Fails when the file has appeared meanwhile, too.
    private func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { close(descriptor) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                throw Self.failure(path)
            }
        }
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure("cannot write \(path): \(String(cString: strerror(errno)))")
    }
}
