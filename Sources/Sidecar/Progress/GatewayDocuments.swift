import Support

/// The JSON bodies of `sidecar.md` section 9, member order as the original writes it.
enum GatewayDocuments {
    /// 9.1.
    static func progress(_ report: ProgressReport) -> [UInt8] {
        var writer = JSONWriter(capacity: report.actorsJSON.count + 192)
        writer.beginObject()
        self.writeActors(report.actorsJSON, to: &writer)
        writer.name("current_actor_idx")
        writer.integer(report.currentIndex)
        switch report.stage {
        case .received(let byteCount):
            self.writeStatus("received", "Received message (\(self.kilobytes(byteCount)) KB)", to: &writer)
            writer.name("message_size_kb")
            writer.number(Double(byteCount) / 1024)
        case .processing(let actor):
            self.writeStatus("processing", "Processing in \(actor)", to: &writer)
        case .completed(let duration):
            let milliseconds = duration.wholeNanoseconds / 1_000_000
            self.writeStatus("completed", "Completed processing in \(milliseconds)ms", to: &writer)
            writer.name("duration_ms")
            writer.integer(milliseconds)
        }
        writer.endObject()
        return writer.bytes
    }

    /// 9.3.
    static func child(_ child: ChildRegistration) -> [UInt8] {
        var writer = JSONWriter(capacity: child.actorsJSON.count + 128)
        writer.beginObject()
        writer.name("id")
        writer.string(child.id)
        writer.name("parent_id")
        writer.string(child.parentID)
        self.writeActors(child.actorsJSON, to: &writer)
        writer.name("current")
        writer.integer(child.currentIndex)
        writer.endObject()
        return writer.bytes
    }

    /// 9.4.
    static func final(_ report: FinalReport, epochSeconds: Int64) -> [UInt8] {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        writer.name("id")
        writer.string(report.id)
        writer.name("status")
        switch report.status {
        case .succeeded(let result):
            writer.string("succeeded")
            writer.name("progress")
            writer.raw("1.0")
            self.writeRaw("result", result, to: &writer)
        case .failed(let error, let details, let route):
            writer.string("failed")
            self.writeRaw("error", error, to: &writer)
            self.writeRaw("error_details", details, to: &writer)
            if let route { self.writeRoute(route, to: &writer) }
        case .timedOut:
            writer.string("failed")
            writer.name("error")
            writer.string("Runtime timeout exceeded")
        }
        writer.name("timestamp")
        writer.string(Timestamp.text(epochSeconds: epochSeconds))
        writer.endObject()
        return writer.bytes
    }

    /// Two decimals, rounded as `%.2f` does: to the nearest, ties to the even digit.
    static func kilobytes(_ byteCount: Int) -> String {
        let (quotient, remainder) = (byteCount * 100).quotientAndRemainder(dividingBy: 1024)
        let isUp = remainder > 512 || (remainder == 512 && quotient % 2 == 1)
        let hundredths = quotient + (isUp ? 1 : 0)
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    private static func writeActors(_ actorsJSON: [UInt8], to writer: inout JSONWriter) {
        writer.name("actors")
        if actorsJSON.isEmpty { writer.raw("[]") } else { writer.raw(actorsJSON) }
    }

    private static func writeStatus(_ status: String, _ message: String, to writer: inout JSONWriter) {
        writer.name("status")
        writer.string(status)
        writer.name("message")
        writer.string(message)
    }

    private static func writeRaw(_ name: String, _ json: [UInt8]?, to writer: inout JSONWriter) {
        guard let json else { return }
        writer.name(name)
        writer.raw(json)
    }

    private static func writeRoute(_ route: FinalReport.RouteFacts, to writer: inout JSONWriter) {
        self.writeActors(route.actorsJSON, to: &writer)
        writer.name("current_actor_idx")
        writer.integer(route.currentIndex)
        self.writeRaw("current_actor_name", route.currentActorJSON, to: &writer)
    }
}
