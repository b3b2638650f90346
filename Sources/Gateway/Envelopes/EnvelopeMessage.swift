internal import Support

/// The message that starts an envelope's way (`gateway.md` 9.1).
enum EnvelopeMessage {
    /// Why an envelope has no message.
    enum Fault: Error, Equatable, CustomStringConvertible {
        case noActors
        case indexOutsideOfRoute(index: Int, count: Int)

        var description: String {
            switch self {
            case .noActors: "route has no actors"
            case .indexOutsideOfRoute(let index, let count):
                "invalid route.current=\(index) for actors length \(count)"
            }
        }
    }

    /// Name of the actor that gets the message.
    static func destination(_ record: EnvelopeRecord) throws(Fault) -> String {
        let actors = record.state.actors
        guard !actors.isEmpty else { throw .noActors }
        guard actors.indices.contains(record.routeCurrent) else {
            throw .indexOutsideOfRoute(index: record.routeCurrent, count: actors.count)
        }
        return actors[record.routeCurrent]
    }

    /// The body.
    static func body(_ record: EnvelopeRecord) -> [UInt8] {
        var writer = JSONWriter(capacity: record.payload.bytes.count + 512)
        writer.beginObject()
        writer.name("id")
        writer.string(record.state.id)
        if let parentID = record.state.parentID {
            writer.name("parent_id")
            writer.string(parentID)
        }
        writer.name("route")
        writer.beginObject()
        writer.name("actors")
        writer.strings(record.state.actors)
        writer.name("current")
        writer.integer(record.routeCurrent)
        if let metadata = record.routeMetadata {
            writer.name("metadata")
            writer.raw(metadata.bytes)
        }
        writer.endObject()
        if let headers = record.headers {
            writer.name("headers")
            writer.raw(headers.bytes)
        }
        writer.name("payload")
        writer.raw(record.payload.bytes)
        if let deadline = record.state.deadline {
            writer.name("deadline")
            writer.string(deadline.secondsText)
        }
        writer.endObject()
        return writer.bytes
    }
}
