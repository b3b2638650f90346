package import Logging

/// What a transport from another module works with. (The seam's other side stays in this module, so that a program
/// without that transport does not carry its libraries.)
package struct TransportContext {
    package let loop: EventLoop
    package let pool: SlabPool
    package let configuration: SidecarConfiguration
    package let logger: Logger
    /// Tells the metrics whether the queue system can be reached.
    package let connectionChanged: (Bool) -> Void
}

/// Makes a transport; throws `ConfigurationError` or `LoopError`.
package typealias TransportFactory = (TransportContext) throws -> any Transport
