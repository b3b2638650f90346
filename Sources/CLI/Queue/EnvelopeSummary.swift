import Envelope

/// What people want to see of a message: the parts of its envelope, when it is one.
struct EnvelopeSummary: Equatable {
    /// Nil for a message that is no envelope, or has no id.
    var id: String?
    var parentID: String?
    var actors: [String] = []
    var current = 0
    /// JSON text; nil when absent.
    var payload: [UInt8]?
    /// Why the message is no envelope; nil when it is one.
    var fault: String?

    init(_ body: [UInt8]) {
        body.withUnsafeBytes { bytes in
            let view: EnvelopeView
            do throws(EnvelopeError) {
                view = try EnvelopeView.scan(bytes)
            } catch {
                self.fault = error.description
                view = error.salvage
            }
            self.id = view.idToken.map { $0.string(in: bytes) }
            self.parentID = view.parentIDToken.map { $0.string(in: bytes) }
            self.current = view.current
            self.payload = view.payloadRange.map { Array(bytes[$0]) }
            guard let range = view.actorsRange, let value = ScannedJSON.scanned(range, in: bytes),
                let elements = value.elements(in: bytes)
            else { return }
            self.actors = elements.map { $0.string.map { $0.string(in: bytes) } ?? "?" }
        }
    }

    /// `split → [score] → judge`: the actor that is next stands in brackets; `→ end` when the route is through.
    var routeText: String {
        guard !self.actors.isEmpty else { return "-" }
        let names = self.actors.enumerated().map { $0.offset == self.current ? "[\($0.element)]" : $0.element }
        let isThrough = !self.actors.indices.contains(self.current)
        return names.joined(separator: " → ") + (isThrough ? " → end" : "")
    }
}
