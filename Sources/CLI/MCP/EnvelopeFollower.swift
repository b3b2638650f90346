internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import Support

/// Follows the updates of an envelope over broken connections (cli.md 1.3, 3.6): every event once, at most one attempt
/// per second.
struct EnvelopeFollower: Sendable {
    enum Ending: Equatable, Sendable {
        /// The last event.
        case ended(EnvelopeEvent)
        /// A gateway without event ids closed the stream early.
        case streamOver
    }

    /// Attempts in a row that bring nothing new.
    static let attemptLimit = 30
    static let pause = Duration.seconds(1)

    let connection: GatewayConnection
    let envelopeID: String

    struct StreamFailure: Error, Equatable {
        var reason: String
    }

    func follow(_ show: @Sendable (EnvelopeEvent) -> Void) async throws -> Ending {
        var place = Place()
        var attempts = 0
        while true {
            let before = place
            let problem: String
            do {
                if let last = try await self.readOnce(&place, show) { return .ended(last) }
                guard place.lastID != nil else { return .streamOver }
                problem = "the gateway closed the stream"
            } catch let failure as StreamFailure {
                throw failure
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                if Task.isCancelled { throw CancellationError() }
                problem = "\(error)"
            }
            attempts = place == before ? attempts + 1 : 1
            guard attempts < Self.attemptLimit else { throw StreamFailure(reason: problem) }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// The envelope as it is when nothing more is to follow, with the same patience for a gateway that is away.
    func document() async throws -> GatewayConnection.Reply {
        var attempts = 0
        while true {
            do {
                return try await self.connection.require(.GET, "/envelopes/\(URLText.escaped(self.envelopeID))")
            } catch let failure as GatewayConnection.Failure {
                attempts += 1
                let passes = failure.status.map { $0 >= 500 } ?? true
                guard passes, attempts < Self.attemptLimit else { throw failure }
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// Where the next connection goes on.
    private struct Place: Equatable {
        var lastID: String?
        /// For gateways without ids: how many events were shown; they begin anew each time.
        var shownCount = 0
    }

    /// One connection; returns the last event when it came.
    private func readOnce(_ place: inout Place, _ show: @Sendable (EnvelopeEvent) -> Void) async throws
        -> EnvelopeEvent?
    {
        let path = "/envelopes/\(URLText.escaped(self.envelopeID))/stream"
        let response = try await self.connection.openStream(path, lastEventID: place.lastID)
        guard response.status.code == 200 else {
            // Only a server's own trouble passes by itself.
            let text = "\(response.status.code) \(response.status.reasonPhrase)"
            if response.status.code >= 500 { throw Unavailable(text: text) }
            throw StreamFailure(reason: text)
        }
        var reader = EventReader()
        var skipped = place.lastID == nil ? place.shownCount : 0
        for try await buffer in response.body {
            for raw in reader.read(buffer.readableBytesView) {
                guard let event = EnvelopeEvent(raw.data) else { continue }
                if let id = raw.id { place.lastID = id }
                if raw.id == nil, skipped > 0 {
                    skipped -= 1
                    continue
                }
                place.shownCount += 1
                show(event)
                if event.isLast { return event }
            }
            if reader.isTooLong { throw StreamFailure(reason: "an event is too long") }
        }
        return nil
    }

    private struct Unavailable: Error, CustomStringConvertible {
        var text: String
        var description: String { self.text }
    }
}
