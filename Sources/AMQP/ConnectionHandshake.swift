/// The opening of a connection (AMQP 0-9-1, 4.2.2): protocol header, login, limits, virtual host. Pure.
///
/// ```
/// protocol header sent ─ start ─► start-ok ─ tune ─► tune-ok, open ─ open-ok ─► open
/// ```
public struct ConnectionHandshake: Equatable, Sendable {
    /// What to do after an event.
    public enum Action: Equatable, Sendable {
        case send([ClientMethod])
        case opened(Tuning)
        /// A sentence without credentials.
        case failed(String)
    }

    private enum State: Equatable, Sendable {
        case awaitingStart, awaitingTune, awaitingOpenOk, open
    }

    private let url: AMQPURL
    private let connectionName: String
    private var state = State.awaitingStart
    private var tuning = Tuning.proposal

    /// A handshake with the server at `url`; `connectionName` is shown in the server's management pages.
    public init(url: AMQPURL, connectionName: String) {
        self.url = url
        self.connectionName = connectionName
    }

    /// A method arrived on channel 0.
    public mutating func received(_ method: ServerMethod) -> Action {
        switch (self.state, method) {
        case (.awaitingStart, .connectionStart(let mechanisms)):
            guard mechanisms.contains(self.url.mechanism.rawValue) else {
                return .failed("the server does not offer \(self.url.mechanism.rawValue) authentication")
            }
            self.state = .awaitingTune
            let response = SASLResponse(mechanism: self.url.mechanism, credentials: self.url.credentials)
            return .send([.connectionStartOk(response, connectionName: self.connectionName)])
        case (.awaitingTune, .connectionTune(let offered)):
            self.tuning = self.proposal.agreed(with: offered)
            self.state = .awaitingOpenOk
            return .send([.connectionTuneOk(self.tuning), .connectionOpen(virtualHost: self.url.virtualHost)])
        case (.awaitingOpenOk, .connectionOpenOk):
            self.state = .open
            return .opened(self.tuning)
        case (_, .connectionClose(let reason)):
            return .failed("\(reason)")
        case (.awaitingStart, _), (.awaitingTune, _), (.awaitingOpenOk, _), (.open, _):
            return .failed("\(AMQPError.unexpectedMethod(method.id, state: "connecting"))")
        }
    }

    private var proposal: Tuning {
        Tuning(
            channelMaximum: self.url.channelMaximum ?? Tuning.proposal.channelMaximum,
            frameMaximum: Tuning.proposal.frameMaximum,
            heartbeatSeconds: self.url.heartbeatSeconds ?? Tuning.proposal.heartbeatSeconds
        )
    }
}
