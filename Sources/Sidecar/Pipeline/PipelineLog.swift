import Envelope
import Logging
import Support

/// The pipeline's log lines: constant texts, fixed keys, never a payload; repeating failures are limited per kind
/// (`sidecar.md` section 11).
final class PipelineLog {
    private let logger: Logger
    private var limiter: LogLimiter

    /// - Parameter clock: monotonic nanoseconds.
    init(logger: Logger, clock: @escaping () -> UInt64) {
        self.logger = logger
        self.limiter = LogLimiter(logger: logger, clock: clock)
    }

    func error(_ text: StaticString) {
        self.logger.error("\(text)")
    }

    func error(_ text: StaticString, _ message: InFlightMessage, _ metadata: [String: String]) {
        self.write(.error, text, message, metadata)
    }

    func warning(_ text: StaticString, _ message: InFlightMessage, _ metadata: [String: String]) {
        self.write(.warning, text, message, metadata)
    }

    /// A message was answered with an error envelope without a runtime call.
    func rejected(
        _ message: InFlightMessage,
        problem: ErrorEnvelope.Problem,
        reason: RoutingDecision.FailureReason,
        ownName: String
    ) {
        switch reason {
        case .routeMismatch:
            let actual = message.view?.currentActor?.string(in: message.body.bytes) ?? ""
            self.warning(
                "Route mismatch: message routed to wrong actor",
                message,
                ["expected": ownName, "actual": actual]
            )
        case .parseError:
            guard case .text(let text) = problem else { return }
            self.warning("Failed to parse message", message, ["error": text])
        default:
            self.warning("Message rejected", message, ["reason": reason.rawValue])
        }
    }

    private func write(
        _ level: Logger.Level,
        _ text: StaticString,
        _ message: InFlightMessage,
        _ metadata: [String: String]
    ) {
        var lines: Logger.Metadata = ["id": "\(Self.id(of: message))"]
        for (key, value) in metadata { lines[key] = "\(value)" }
        self.limiter.log(level, text.description, metadata: lines)
    }

    /// Ids come from outside: only the beginning of an overlong one is shown.
    private static func id(of message: InFlightMessage) -> String {
        guard let id = message.view?.idToken else { return "" }
        return String(id.string(in: message.body.bytes).prefix(200))
    }
}
