/// What `asya up` shows of the gateway.
struct GatewayStatus: Equatable, Sendable {
    enum Condition: String, Equatable, Sendable {
        case starting
        case running
        /// The process is there and says that it is not ready, or says nothing.
        case notReady = "not ready"
        case crashLoop = "crash loop"
        case stopping
        case stopped
    }

    var url: String
    var condition: Condition
}
