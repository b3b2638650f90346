import Envelope
import LocalStore

/// A line of `ResultFiles`: an envelope that reached an end actor.
struct FinishedEnvelope: Equatable {
    /// When, as the end actor wrote it.
    var at: String
    /// `succeeded` or `failed`.
    var outcome: String
    /// The envelope's parts.
    var summary: EnvelopeSummary
    /// The whole line without its end.
    var line: [UInt8]

    /// Nil for a line that is none of ours, for instance one whose writer was killed.
    init?(line: [UInt8]) {
        var at: String?
        var outcome: String?
        var envelope: [UInt8]?
        line.withUnsafeBytes { bytes in
            guard let top = try? ScannedJSON.scan(bytes), let members = top.members(in: bytes) else { return }
            for (name, value) in members {
                switch name.string(in: bytes) {
                case "at": at = value.string?.string(in: bytes)
                case "outcome": outcome = value.string?.string(in: bytes)
                case "envelope": envelope = Array(bytes[value.range])
                default: break
                }
            }
        }
        guard let at, let outcome, let envelope else { return nil }
        self.at = at
        self.outcome = outcome
        self.summary = EnvelopeSummary(envelope)
        self.line = line
    }

    /// Whether the route was walked to its end.
    var hasSucceeded: Bool { self.outcome == ResultFiles.succeeded }

    /// Whether this is the envelope `id`, or came from it by fan-out (envelope.md section 6: `id-1`, `id-1-1`).
    func belongs(to id: String) -> Bool {
        guard let own = self.summary.id else { return false }
        if own == id { return true }
        guard own.hasPrefix(id + "-") else { return false }
        return own.dropFirst(id.count + 1).split(separator: "-", omittingEmptySubsequences: false)
            .allSatisfy { UInt($0) != nil }
    }

    /// For an error envelope: `actor: text` of what went wrong (envelope.md section 8).
    var errorText: String? {
        guard !self.hasSucceeded, let payload = self.summary.payload else { return nil }
        var error: String?
        var message: String?
        var actor: String?
        payload.withUnsafeBytes { bytes in
            guard let top = try? ScannedJSON.scan(bytes), let members = top.members(in: bytes) else { return }
            for (name, value) in members {
                switch name.string(in: bytes) {
                case "error": error = value.string?.string(in: bytes)
                case "failed_actor": actor = value.string?.string(in: bytes)
                case "details": message = Self.message(of: value, in: bytes)
                default: break
                }
            }
        }
        let text = [error, message].compactMap { $0 }.joined(separator: ": ")
        return [actor, text.isEmpty ? nil : text].compactMap { $0 }.joined(separator: ": ")
    }

    /// `ValueError: bad input`.
    private static func message(of details: ScannedJSON, in bytes: UnsafeRawBufferPointer) -> String? {
        var parts: [String: String] = [:]
        guard let members = details.members(in: bytes) else { return nil }
        for (name, value) in members { parts[name.string(in: bytes)] = value.string?.string(in: bytes) }
        let texts = [parts["type"], parts["message"]].compactMap { $0 }.filter { !$0.isEmpty }
        return texts.isEmpty ? nil : texts.joined(separator: ": ")
    }
}
