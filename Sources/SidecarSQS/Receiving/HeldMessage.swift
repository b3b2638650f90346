/// What requests need to know of a delivery that we hold.
struct HeldMessage {
    /// The receipt handle as JSON, with quotes.
    var handle: [UInt8]
    /// Its group in a FIFO queue; empty in others.
    var group: [UInt8]
    /// A hash of the service's id of the message, which is the same at every delivery.
    var identity: UInt64
}
