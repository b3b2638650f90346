import Sidecar

/// A received message as the pipeline takes it. (The module `AWS` has a type of that name for its place in a reply.)
typealias Delivery = ReceivedMessage
