import Envelope

/// What an end actor tells the gateway about a finished envelope (`sidecar.md` 9.4, `envelope.md` section 9). Pure.
enum FinalStatus {
    /// The report, or nil when there is nothing to say: the envelope has no id, or the actor is neither of the two
    /// ends.
    static func report(
        of view: EnvelopeView,
        in bytes: UnsafeRawBufferPointer,
        reply: RuntimeReply,
        replyBytes: UnsafeRawBufferPointer,
        rules: ActorRules
    ) -> FinalReport? {
        guard let id = view.idToken, !id.isEmpty else { return nil }
        let status: FinalReport.Status
        switch rules.ownName {
        case rules.happyEnd:
            status = .succeeded(resultJSON: self.result(of: view, in: bytes, reply: reply, replyBytes: replyBytes))
        case rules.errorEnd:
            status = self.failure(of: view, in: bytes)
        default:
            return nil
        }
        return FinalReport(id: id.string(in: bytes), status: status, singleAttemptLimit: nil)
    }

    /// The first element's payload when it has one, otherwise the envelope's own; nil for the literal `null`.
    private static func result(
        of view: EnvelopeView,
        in bytes: UnsafeRawBufferPointer,
        reply: RuntimeReply,
        replyBytes: UnsafeRawBufferPointer
    ) -> [UInt8]? {
        let text: [UInt8]?
        if let range = reply.firstElement?.payloadRange {
            text = Array(replyBytes[range])
        } else {
            text = view.payloadRange.map { Array(bytes[$0]) }
        }
        return text.flatMap { $0.elementsEqual("null".utf8) ? nil : $0 }
    }

    private static func failure(of view: EnvelopeView, in bytes: UnsafeRawBufferPointer) -> FinalReport.Status {
        var error: [UInt8]?
        var details: [UInt8]?
        if let range = view.payloadRange, let members = JSONValue.scanned(range, in: bytes)?.members(in: bytes) {
            // The last of equal names counts.
            for (name, value) in members {
                if name.equals("error", in: bytes) {
                    error = value.kind == .string ? Array(bytes[value.range]) : nil
                } else if name.equals("details", in: bytes) {
                    details = Array(bytes[value.range])
                }
            }
        }
        return .failed(errorJSON: error, detailsJSON: details, route: self.route(of: view, in: bytes))
    }

    private static func route(of view: EnvelopeView, in bytes: UnsafeRawBufferPointer) -> FinalReport.RouteFacts? {
        guard let actors = view.actorsRange, view.actorCount > 0 else { return nil }
        return FinalReport.RouteFacts(
            actorsJSON: Array(bytes[actors]),
            currentIndex: view.current,
            currentActorJSON: view.currentActor.map { Array(bytes[$0.range]) }
        )
    }
}
