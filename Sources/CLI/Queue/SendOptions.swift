import ActorResource
import ArgumentParser
import LocalQueue

/// The arguments of `asya send` that make the envelopes.
struct SendOptions: ParsableArguments {
    @Argument(help: "The actor, or several with commas between them: the route.")
    var actors: String

    @Option(
        name: [.customShort("p"), .long],
        // A number may be negative.
        parsing: .unconditional,
        help: ArgumentHelp("JSON, @file, or - for standard input.", valueName: "json")
    )
    var payload: String

    @Option(
        name: [.customShort("H"), .long],
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("name=text or name:=JSON; repeat it for more.", valueName: "header")
    )
    var header: [String] = []

    @Option(help: "Id of the envelope; default: a random one.")
    var id: String?

    @Flag(help: "Every line of the payload is a payload of its own (NDJSON).")
    var each = false

    func validate() throws {
        let route = self.route
        guard route.count <= EnvelopeDraft.actorLimit else {
            throw ValidationError("a route has at most \(EnvelopeDraft.actorLimit) actors")
        }
        for actor in route where !Self.isQueueName(actor) {
            throw ValidationError("\"\(actor)\" is no name of an actor; write ACTOR or ACTOR,ACTOR,…")
        }
        for header in self.header where EnvelopeDraft.header(header) == nil {
            throw ValidationError("\"\(header)\" is no header; write name=text or name:=JSON")
        }
        if let id {
            guard !self.each else {
                throw ValidationError("--id is for one envelope; with --each every line gets an own id")
            }
            guard (1...EnvelopeDraft.idByteLimit).contains(id.utf8.count) else {
                throw ValidationError("--id needs 1 to \(EnvelopeDraft.idByteLimit) bytes")
            }
        }
    }

    var route: [String] { self.actors.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }

    var draft: EnvelopeDraft {
        EnvelopeDraft(actors: self.route, headers: self.header.compactMap { EnvelopeDraft.header($0) })
    }

    /// What queues can be called, so that a slip is told before anything is opened.
    private static func isQueueName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 200
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            }
    }
}
